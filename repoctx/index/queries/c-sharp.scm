; Capture names: see captures.py.
(class_declaration name: (identifier) @name) @definition.class
(record_declaration name: (identifier) @name) @definition.class
(struct_declaration name: (identifier) @name) @definition.struct
(interface_declaration name: (identifier) @name) @definition.interface
(enum_declaration name: (identifier) @name) @definition.enum
(class_declaration body: (_) @body) @definition.class
(record_declaration body: (_) @body) @definition.class
(struct_declaration body: (_) @body) @definition.struct
(interface_declaration body: (_) @body) @definition.interface
(enum_declaration body: (_) @body) @definition.enum
(enum_member_declaration name: (identifier) @name) @definition.constant
(delegate_declaration name: (identifier) @name) @definition.type
(namespace_declaration name: (_) @name body: (_) @body) @definition.module
(file_scoped_namespace_declaration name: (_) @name) @definition.module
(method_declaration name: (identifier) @name) @definition.method
(method_declaration body: (_) @body) @definition.method
(local_function_statement name: (identifier) @name) @definition.function
(local_function_statement body: (_) @body) @definition.function
(constructor_declaration name: (identifier) @name) @definition.method
(constructor_declaration body: (_) @body) @definition.method
(destructor_declaration name: (identifier) @name body: (_) @body) @definition.method
(operator_declaration operator: _ @name) @definition.method
(operator_declaration body: (_) @body) @definition.method
(property_declaration name: (identifier) @name) @definition.field
(property_declaration accessors: (_) @body) @definition.field
(event_declaration name: (identifier) @name) @definition.field
(field_declaration (variable_declaration
  (variable_declarator name: (identifier) @name))) @definition.variable
(event_field_declaration (variable_declaration
  (variable_declarator name: (identifier) @name))) @definition.field

(invocation_expression function: [
  (identifier) @reference.call
  (generic_name (identifier) @reference.call)
  (member_access_expression name: [
    (identifier) @reference.call
    (generic_name (identifier) @reference.call)
  ])
])
(object_creation_expression type: [
  (identifier) @reference.call
  (generic_name (identifier) @reference.call)
  (qualified_name name: (identifier) @reference.call)
])
(base_list [
  (identifier) @reference.inherit
  (generic_name (identifier) @reference.inherit)
  (qualified_name name: (identifier) @reference.inherit)
  (primary_constructor_base_type type: (identifier) @reference.inherit)
])
(attribute name: (identifier) @reference.type)
(parameter type: (identifier) @reference.type)
(variable_declaration type: (identifier) @reference.type)
(method_declaration returns: (identifier) @reference.type)
(property_declaration type: (identifier) @reference.type)
(type_argument_list (identifier) @reference.type)
(using_directive [(identifier) (qualified_name)] @reference.import)
