; Capture names: see captures.py.
(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(function_declaration name: (identifier) @name) @definition.function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @receiver))
  name: (field_identifier) @name) @definition.method
(method_declaration body: (_) @body) @definition.method
(type_spec name: (type_identifier) @name) @definition.type
(type_spec name: (type_identifier) @name
  type: (struct_type (field_declaration_list) @body)) @definition.struct
(type_spec name: (type_identifier) @name
  type: (interface_type "{" @body)) @definition.interface
(type_alias name: (type_identifier) @name) @definition.type
(struct_type (field_declaration_list
  (field_declaration name: (field_identifier) @name) @definition.field))
(method_elem name: (field_identifier) @name) @definition.method
(source_file (const_declaration
  (const_spec name: (identifier) @name) @definition.constant))
(source_file (var_declaration
  (var_spec name: (identifier) @name) @definition.variable))
(source_file (var_declaration (var_spec_list
  (var_spec name: (identifier) @name) @definition.variable)))
(type_declaration . "type" . (type_spec) .) @span

(call_expression function: (identifier) @reference.call)
(call_expression
  function: (selector_expression field: (field_identifier) @reference.call))
(call_expression function: (type_instantiation_expression
  type: (type_identifier) @reference.call))
(struct_type (field_declaration_list
  (field_declaration !name type: [
    (type_identifier) @reference.inherit
    (qualified_type name: (type_identifier) @reference.inherit)
  ])))
(type_identifier) @reference.type
(import_spec path: (interpreted_string_literal
  (interpreted_string_literal_content) @reference.import))
