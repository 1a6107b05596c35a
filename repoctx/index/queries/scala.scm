; Capture names: see captures.py.
(class_definition name: (_) @name) @definition.class
(class_definition body: (_) @body) @definition.class
(object_definition name: (_) @name) @definition.class
(object_definition body: (_) @body) @definition.class
(trait_definition name: (_) @name) @definition.trait
(trait_definition body: (_) @body) @definition.trait
(enum_definition name: (_) @name body: (_) @body) @definition.enum
(simple_enum_case name: (_) @name) @definition.constant
(full_enum_case name: (_) @name) @definition.constant
(type_definition name: (_) @name) @definition.type
(function_definition name: (_) @name body: (_) @body) @definition.function
(function_declaration name: (_) @name) @definition.function
(given_definition name: (_) @name) @definition.variable
(val_definition pattern: (identifier) @name) @definition.variable
(var_definition pattern: (identifier) @name) @definition.variable
(val_declaration name: (identifier) @name) @definition.variable
(package_object name: (_) @name body: (_) @body) @definition.module

(call_expression function: [
  (identifier) @reference.call
  (field_expression field: (identifier) @reference.call)
  (generic_function function: (identifier) @reference.call)
  (generic_function function: (field_expression field: (identifier) @reference.call))
])
(instance_expression (type_identifier) @reference.call)
(extends_clause type: [
  (type_identifier) @reference.inherit
  (generic_type type: (type_identifier) @reference.inherit)
])
(type_identifier) @reference.type
(import_declaration path: (identifier) @reference.import)
(import_declaration (namespace_selectors (identifier) @reference.import))
