; Capture names: see captures.py. Serves TypeScript and TSX.
(class_declaration name: (type_identifier) @name body: (_) @body) @definition.class
(abstract_class_declaration
  name: (type_identifier) @name body: (_) @body) @definition.class
(variable_declarator name: (identifier) @name
  value: (class body: (_) @body)) @definition.class
(interface_declaration
  name: (type_identifier) @name body: (_) @body) @definition.interface
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(enum_body name: (property_identifier) @name @definition.constant)
(enum_assignment name: (property_identifier) @name) @definition.constant
(type_alias_declaration name: (type_identifier) @name) @definition.type
(internal_module name: (_) @name body: (_) @body) @definition.module
(module name: (_) @name body: (_) @body) @definition.module
(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(generator_function_declaration
  name: (identifier) @name body: (_) @body) @definition.function
(function_signature name: (identifier) @name) @definition.function
(variable_declarator name: (identifier) @name value: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
  (generator_function body: (_) @body)
]) @definition.function
(assignment_expression left: [(identifier) (member_expression)] @name right: [
  (arrow_function body: (_) @body)
  (function_expression body: (_) @body)
]) @definition.function
(return_statement (function_expression
  name: (identifier) @name body: (_) @body) @definition.function)
(method_definition
  name: [(property_identifier) (private_property_identifier) (string)] @name
  body: (_) @body) @definition.method
(method_signature
  name: [(property_identifier) (private_property_identifier)] @name) @definition.method
(abstract_method_signature name: (property_identifier) @name) @definition.method
(interface_body
  (property_signature name: (property_identifier) @name) @definition.field)
(type_alias_declaration value: (object_type
  (property_signature name: (property_identifier) @name) @definition.field))
(public_field_definition
  name: [(property_identifier) (private_property_identifier)] @name) @definition.field
(public_field_definition
  name: [(property_identifier) (private_property_identifier)] @name
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
(ambient_declaration (_
  (variable_declarator name: (identifier) @name) @definition.variable))
(export_statement declaration: (_)) @span
(ambient_declaration) @span
(lexical_declaration) @span
(variable_declaration) @span

(call_expression function: (identifier) @reference.call)
(call_expression
  function: (member_expression property: (property_identifier) @reference.call))
(new_expression constructor: (identifier) @reference.call)
(new_expression
  constructor: (member_expression property: (property_identifier) @reference.call))
(extends_clause value: (identifier) @reference.inherit)
(extends_clause
  value: (member_expression property: (property_identifier) @reference.inherit))
(implements_clause [
  (type_identifier) @reference.inherit
  (generic_type name: (type_identifier) @reference.inherit)
])
(extends_type_clause type: [
  (type_identifier) @reference.inherit
  (generic_type name: (type_identifier) @reference.inherit)
])
(type_identifier) @reference.type
(import_statement source: (string (string_fragment) @reference.import))
(export_statement source: (string (string_fragment) @reference.import))
(import_specifier name: (identifier) @reference.import)
(import_clause (identifier) @reference.import)
((call_expression function: (identifier) @_require
  arguments: (arguments . (string (string_fragment) @reference.import)))
  (#eq? @_require "require"))
