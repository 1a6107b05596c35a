; Capture names: see captures.py.
((element (start_tag (tag_name) @_tag) (text) @name) @definition.section
  (#any-of? @_tag "title" "h1" "h2" "h3" "h4" "h5" "h6"))
((element (start_tag (attribute (attribute_name) @_id
  (quoted_attribute_value (attribute_value) @name)))) @definition.key
  (#eq? @_id "id"))
((element (start_tag (attribute (attribute_name) @_id
  (attribute_value) @name))) @definition.key
  (#eq? @_id "id"))
((attribute (attribute_name) @_link
  (quoted_attribute_value (attribute_value) @reference.import))
  (#any-of? @_link "src" "href"))
