; Capture names: see captures.py.
(class_definition name: (identifier) @name body: (_) @body) @definition.class
(function_definition name: (identifier) @name body: (_) @body) @definition.function
(decorated_definition) @span
(type_alias_statement left: (type [
  (identifier) @name
  (generic_type . (identifier) @name)
])) @definition.type

; Variables of the module and of classes. Those in conditional blocks count as well.
(module (expression_statement
  (assignment left: (identifier) @name) @definition.variable))
(module (expression_statement
  (assignment left: (pattern_list (identifier) @name)) @definition.variable))
(module [
  (if_statement (block (expression_statement
    (assignment left: (identifier) @name) @definition.variable)))
  (if_statement (_ (block (expression_statement
    (assignment left: (identifier) @name) @definition.variable))))
  (try_statement (block (expression_statement
    (assignment left: (identifier) @name) @definition.variable)))
  (try_statement (_ (block (expression_statement
    (assignment left: (identifier) @name) @definition.variable))))
])
(class_definition body: (block (expression_statement
  (assignment left: (identifier) @name) @definition.variable)))

(call function: (identifier) @reference.call)
(call function: (attribute attribute: (identifier) @reference.call))
(decorator (identifier) @reference.call)
(decorator (attribute attribute: (identifier) @reference.call))
(class_definition superclasses: (argument_list [
  (identifier) @reference.inherit
  (attribute attribute: (identifier) @reference.inherit)
]))
(type (identifier) @reference.type)
(type (attribute attribute: (identifier) @reference.type))
(import_statement name: [
  (dotted_name) @reference.import
  (aliased_import name: (dotted_name) @reference.import)
])
(import_from_statement module_name: (dotted_name) @reference.import)
(import_from_statement name: [
  (dotted_name) @reference.import
  (aliased_import name: (dotted_name) @reference.import)
])
(relative_import (dotted_name) @reference.import)
