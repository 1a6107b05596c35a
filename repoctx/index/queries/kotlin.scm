; Capture names: see captures.py.
(class_declaration name: (identifier) @name) @definition.class
(class_declaration (class_body) @body) @definition.class
(class_declaration (enum_class_body) @body) @definition.enum
(class_declaration "interface") @definition.interface
(object_declaration name: (identifier) @name) @definition.class
(object_declaration (class_body) @body) @definition.class
(companion_object name: (identifier) @name) @definition.class
(companion_object (class_body) @body) @definition.class
(enum_entry (identifier) @name) @definition.constant
(function_declaration name: (identifier) @name) @definition.function
(function_declaration (function_body) @body) @definition.function
(function_declaration . (modifiers)? . "fun" . (type_parameters)?
  . (_) @receiver . "." ) @definition.function
(secondary_constructor) @definition.method
(type_alias type: (identifier) @name) @definition.type
(source_file (property_declaration
  (variable_declaration (identifier) @name)) @definition.variable)
(class_body (property_declaration
  (variable_declaration (identifier) @name)) @definition.variable)
(class_parameter "val" (identifier) @name) @definition.field
(class_parameter "var" (identifier) @name) @definition.field

(call_expression . (identifier) @reference.call)
(call_expression . (navigation_expression (identifier) @reference.call .))
(delegation_specifier [
  (user_type (identifier) @reference.inherit .)
  (constructor_invocation (user_type (identifier) @reference.inherit .))
])
(user_type (identifier) @reference.type .)
(import (qualified_identifier) @reference.import)
