; Capture names: see captures.py.
(class_declaration name: (identifier) @name body: (_) @body) @definition.class
(record_declaration name: (identifier) @name body: (_) @body) @definition.class
(record_declaration parameters: (formal_parameters
  (formal_parameter name: (identifier) @name) @definition.field))
(interface_declaration name: (identifier) @name body: (_) @body) @definition.interface
(annotation_type_declaration
  name: (identifier) @name body: (_) @body) @definition.interface
(enum_declaration name: (identifier) @name body: (_) @body) @definition.enum
(enum_constant name: (identifier) @name) @definition.constant
(method_declaration name: (identifier) @name) @definition.method
(method_declaration body: (_) @body) @definition.method
(constructor_declaration name: (identifier) @name body: (_) @body) @definition.method
(compact_constructor_declaration
  name: (identifier) @name body: (_) @body) @definition.method
(annotation_type_element_declaration name: (identifier) @name) @definition.method
(field_declaration
  declarator: (variable_declarator name: (identifier) @name)) @definition.variable
(constant_declaration
  declarator: (variable_declarator name: (identifier) @name)) @definition.constant

(method_invocation name: (identifier) @reference.call)
(method_reference (_) "::" (identifier) @reference.call)
(object_creation_expression type: [
  (type_identifier) @reference.call
  (generic_type (type_identifier) @reference.call)
])
(marker_annotation name: (identifier) @reference.type)
(annotation name: (identifier) @reference.type)
(superclass [
  (type_identifier) @reference.inherit
  (generic_type (type_identifier) @reference.inherit)
])
(type_list [
  (type_identifier) @reference.inherit
  (generic_type (type_identifier) @reference.inherit)
])
(type_identifier) @reference.type
(import_declaration [(identifier) (scoped_identifier)] @reference.import)
