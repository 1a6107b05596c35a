; Capture names: see captures.py.
(class_declaration name: (identifier) @name body: (_) @body) @definition.class
(variable_declarator name: (identifier) @name
  value: (class body: (_) @body)) @definition.class
(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(generator_function_declaration
  name: (identifier) @name body: (_) @body) @definition.function
(variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)
]) @definition.function
(assignment_expression left: [(identifier) (member_expression)] @name right: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)
]) @definition.function
(assignment_expression left: [(identifier) (member_expression)] @name
  right: (class body: (_) @body)) @definition.class
(return_statement (function_expression
  name: (identifier) @name body: (_) @body) @definition.function)
(method_definition
  name: [(property_identifier) (private_property_identifier) (string)] @name
  body: (_) @body) @definition.method
(field_definition
  property: [(property_identifier) (private_property_identifier)] @name) @definition.field
(field_definition
  property: [(property_identifier) (private_property_identifier)] @name
  value: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
  ]) @definition.method
(pair key: [(property_identifier) (string)] @name value: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
]) @definition.method

(program [
  (lexical_declaration
    (variable_declarator name: (identifier) @name) @definition.variable)
  (variable_declaration
    (variable_declarator name: (identifier) @name) @definition.variable)
])
(export_statement [
  (lexical_declaration
    (variable_declarator name: (identifier) @name) @definition.variable)
  (variable_declaration
    (variable_declarator name: (identifier) @name) @definition.variable)
])
(export_statement declaration: (_)) @span
(lexical_declaration) @span
(variable_declaration) @span

(call_expression function: (identifier) @reference.call)
(call_expression
  function: (member_expression property: (property_identifier) @reference.call))
(new_expression constructor: (identifier) @reference.call)
(new_expression
  constructor: (member_expression property: (property_identifier) @reference.call))
(jsx_opening_element name: (identifier) @reference.call)
(jsx_self_closing_element name: (identifier) @reference.call)
(class_heritage (identifier) @reference.inherit)
(class_heritage (member_expression property: (property_identifier) @reference.inherit))
(import_statement source: (string (string_fragment) @reference.import))
(export_statement source: (string (string_fragment) @reference.import))
(import_specifier name: (identifier) @reference.import)
(import_clause (identifier) @reference.import)
((call_expression function: (identifier) @_require
  arguments: (arguments . (string (string_fragment) @reference.import)))
  (#eq? @_require "require"))
