; Capture names: see captures.py.
(rule_set (selectors) @name (block) @body) @definition.section
(media_statement (block) @body) @scope
(keyframes_statement (keyframes_name) @name) @definition.section
(stylesheet (rule_set (block
  (declaration (property_name) @name) @definition.variable)
  (#match? @name "^--")))
(import_statement [(string_value) (call_expression)] @reference.import)
