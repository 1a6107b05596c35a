; Capture names: see captures.py.
(function_declaration name: (_) @name body: (_) @body) @definition.function
(function_declaration name: (_) @name) @definition.function
(assignment_statement
  (variable_list . name: (_) @name .)
  (expression_list . value: (function_definition body: (_)? @body) .)
) @definition.function
(variable_declaration) @span
(table_constructor (field
  name: (identifier) @name
  value: (function_definition body: (_)? @body)) @definition.method)
(chunk (variable_declaration (assignment_statement
  (variable_list name: (identifier) @name))) @definition.variable)
(chunk (assignment_statement
  (variable_list name: (identifier) @name)) @definition.variable)

(function_call name: [
  (identifier) @reference.call
  (dot_index_expression field: (identifier) @reference.call)
  (method_index_expression method: (identifier) @reference.call)
])
((function_call name: (identifier) @_require
  arguments: (arguments (string content: (string_content) @reference.import)))
  (#eq? @_require "require"))
