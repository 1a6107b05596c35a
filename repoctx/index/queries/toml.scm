; Capture names: see captures.py. Tables and their keys.
(document (pair . (_) @name) @definition.key)
(table . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.section
(table (pair . (_) @name) @definition.key)
(table_array_element . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.section
(table_array_element (pair . (_) @name) @definition.key)
