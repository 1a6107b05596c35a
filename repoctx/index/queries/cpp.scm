; Capture names: see captures.py. ``A::b`` gets ``A`` as its parent from the name.
(function_definition declarator: (function_declarator declarator: [
  (identifier) (field_identifier) (qualified_identifier)
  (destructor_name) (operator_name)
] @name)) @definition.function
(function_definition declarator: (_ (function_declarator declarator: [
  (identifier) (field_identifier) (qualified_identifier) (operator_name)
] @name))) @definition.function
(function_definition declarator: (_ (_ (function_declarator declarator: [
  (identifier) (field_identifier) (qualified_identifier)
] @name)))) @definition.function
(function_definition declarator: [
  (operator_cast) @name
  (qualified_identifier name: (operator_cast)) @name
]) @definition.function
(function_definition body: (_) @body) @definition.function
(declaration declarator: (function_declarator declarator: [
  (identifier) (qualified_identifier) (destructor_name) (operator_name)
] @name)) @definition.function
(declaration declarator: (_ (function_declarator declarator: [
  (identifier) (operator_name)
] @name))) @definition.function
(field_declaration declarator: (function_declarator declarator: [
  (field_identifier) (destructor_name) (operator_name)
] @name)) @definition.method
(field_declaration declarator: (_ (function_declarator declarator: [
  (field_identifier) (operator_name)
] @name))) @definition.method
(class_specifier name: (_) @name body: (_) @body) @definition.class
(struct_specifier name: (_) @name body: (_) @body) @definition.struct
(union_specifier name: (_) @name body: (_) @body) @definition.struct
(enum_specifier name: (_) @name body: (_) @body) @definition.enum
(enumerator name: (identifier) @name) @definition.constant
(namespace_definition name: (_) @name body: (_) @body) @definition.module
(concept_definition name: (identifier) @name) @definition.type
(alias_declaration name: (type_identifier) @name) @definition.type
(type_definition declarator: [
  (type_identifier) @name
  (pointer_declarator declarator: (type_identifier) @name)
  (function_declarator
    declarator: (parenthesized_declarator
      (pointer_declarator declarator: (type_identifier) @name)))
]) @definition.type
(field_declaration declarator: [
  (field_identifier) @name
  (pointer_declarator declarator: (field_identifier) @name)
  (reference_declarator (field_identifier) @name)
  (array_declarator declarator: (field_identifier) @name)
]) @definition.field
(template_declaration) @span
(preproc_def name: (identifier) @name) @definition.constant
(preproc_function_def name: (identifier) @name) @definition.macro
(translation_unit (declaration declarator: [
  (identifier) @name
  (init_declarator declarator: (identifier) @name)
  (init_declarator declarator: (_ (identifier) @name))
  (array_declarator declarator: (identifier) @name)
  (pointer_declarator declarator: (identifier) @name)
]) @definition.variable)
(namespace_definition body: (declaration_list (declaration declarator: [
  (identifier) @name
  (init_declarator declarator: (identifier) @name)
  (init_declarator declarator: (_ (identifier) @name))
]) @definition.variable))

(call_expression function: [
  (identifier) @reference.call
  (field_expression field: (field_identifier) @reference.call)
  (qualified_identifier name: (identifier) @reference.call)
  (template_function name: (identifier) @reference.call)
  (qualified_identifier name: (template_function name: (identifier) @reference.call))
  (qualified_identifier
    name: (qualified_identifier name: (identifier) @reference.call))
])
(new_expression type: (type_identifier) @reference.call)
(base_class_clause [
  (type_identifier) @reference.inherit
  (qualified_identifier name: (type_identifier) @reference.inherit)
  (template_type name: (type_identifier) @reference.inherit)
])
(type_identifier) @reference.type
(preproc_include path: [
  (system_lib_string) @reference.import
  (string_literal (string_content) @reference.import)
])
