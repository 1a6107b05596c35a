; Capture names: see captures.py.
(class_declaration name: (name) @name body: (_) @body) @definition.class
(interface_declaration name: (name) @name body: (_) @body) @definition.interface
(trait_declaration name: (name) @name body: (_) @body) @definition.trait
(enum_declaration name: (name) @name body: (_) @body) @definition.enum
(enum_case name: (name) @name) @definition.constant
(namespace_definition name: (_) @name) @definition.module
(function_definition name: (name) @name body: (_) @body) @definition.function
(method_declaration name: (name) @name) @definition.method
(method_declaration body: (_) @body) @definition.method
(property_declaration
  (property_element name: (variable_name (name) @name))) @definition.field
(const_declaration (const_element . (name) @name)) @definition.constant
(program (expression_statement (assignment_expression
  left: (variable_name (name) @name)) @definition.variable))

(function_call_expression function: [
  (name) @reference.call
  (qualified_name (name) @reference.call)
])
(member_call_expression name: (name) @reference.call)
(nullsafe_member_call_expression name: (name) @reference.call)
(scoped_call_expression name: (name) @reference.call)
(object_creation_expression [
  (name) @reference.call
  (qualified_name (name) @reference.call)
])
(base_clause [
  (name) @reference.inherit
  (qualified_name (name) @reference.inherit)
])
(class_interface_clause [
  (name) @reference.inherit
  (qualified_name (name) @reference.inherit)
])
(use_declaration [
  (name) @reference.inherit
  (qualified_name (name) @reference.inherit)
])
(named_type [
  (name) @reference.type
  (qualified_name (name) @reference.type)
])
(namespace_use_clause [(name) (qualified_name)] @reference.import)
(include_expression (string (string_content) @reference.import))
(include_once_expression (string (string_content) @reference.import))
(require_expression (string (string_content) @reference.import))
(require_once_expression (string (string_content) @reference.import))
