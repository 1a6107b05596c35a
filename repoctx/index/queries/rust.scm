; Capture names: see captures.py.
(function_item name: (_) @name body: (_) @body) @definition.function
(function_signature_item name: (_) @name) @definition.function
(struct_item name: (type_identifier) @name) @definition.struct
(struct_item body: (field_declaration_list) @body) @definition.struct
(union_item name: (type_identifier) @name body: (_) @body) @definition.struct
(enum_item name: (type_identifier) @name body: (_) @body) @definition.enum
(enum_variant name: (identifier) @name) @definition.constant
(trait_item name: (type_identifier) @name body: (_) @body) @definition.trait
(impl_item type: (_) @name body: (_) @body) @scope
(mod_item name: (identifier) @name body: (_) @body) @definition.module
(const_item name: (identifier) @name) @definition.constant
(static_item name: (identifier) @name) @definition.constant
(type_item name: (type_identifier) @name) @definition.type
(associated_type name: (type_identifier) @name) @definition.type
(macro_definition name: (identifier) @name) @definition.macro
(struct_item body: (field_declaration_list
  (field_declaration name: (field_identifier) @name) @definition.field))

(call_expression function: [
  (identifier) @reference.call
  (scoped_identifier name: (identifier) @reference.call)
  (field_expression field: (field_identifier) @reference.call)
  (generic_function function: [
    (identifier) @reference.call
    (scoped_identifier name: (identifier) @reference.call)
    (field_expression field: (field_identifier) @reference.call)
  ])
])
(macro_invocation macro: [
  (identifier) @reference.call
  (scoped_identifier name: (identifier) @reference.call)
])
(token_tree (identifier) @reference.call . (token_tree))
(impl_item trait: [
  (type_identifier) @reference.inherit
  (generic_type type: (type_identifier) @reference.inherit)
  (scoped_type_identifier name: (type_identifier) @reference.inherit)
])
(type_identifier) @reference.type
(mod_item name: (identifier) @reference.import !body)
(use_declaration argument: [
  (identifier) @reference.import
  (scoped_identifier name: (identifier) @reference.import)
])
(use_list [
  (identifier) @reference.import
  (scoped_identifier name: (identifier) @reference.import)
])
(use_as_clause path: [
  (identifier) @reference.import
  (scoped_identifier name: (identifier) @reference.import)
])
(use_wildcard (scoped_identifier name: (identifier) @reference.import))
(scoped_use_list path: [
  (identifier) @reference.import
  (scoped_identifier name: (identifier) @reference.import)
])
