; Capture names: see captures.py.
(class name: (_) @name) @definition.class
(class body: (_) @body) @definition.class
(module name: (_) @name) @definition.module
(module body: (_) @body) @definition.module
(method name: (_) @name) @definition.function
(method body: (_) @body) @definition.function
(singleton_method name: (_) @name) @definition.method
(singleton_method body: (_) @body) @definition.method
(alias name: (_) @name) @definition.method
(assignment left: (constant) @name) @definition.constant
((call method: (identifier) @_attr
  arguments: (argument_list (simple_symbol) @name)) @definition.field
  (#any-of? @_attr "attr_accessor" "attr_reader" "attr_writer"))

(call method: [(identifier) (constant)] @reference.call)
(superclass [
  (constant) @reference.inherit
  (scope_resolution name: (constant) @reference.inherit)
])
((call method: (identifier) @_mixin
  arguments: (argument_list [
    (constant) @reference.inherit
    (scope_resolution name: (constant) @reference.inherit)
  ]))
  (#any-of? @_mixin "include" "extend" "prepend"))
((call method: (identifier) @_require
  arguments: (argument_list . (string (string_content) @reference.import)))
  (#any-of? @_require "require" "require_relative" "load" "autoload"))
(constant) @reference.type
