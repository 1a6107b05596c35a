; Capture names: see captures.py. Definitions are calls of macros in this grammar.
((call target: (identifier) @_def
  (arguments . (alias) @name)
  (do_block) @body) @definition.module
  (#any-of? @_def "defmodule" "defprotocol"))
((call target: (identifier) @_def
  (arguments . (alias) @name)
  (do_block) @body) @scope
  (#eq? @_def "defimpl"))
((call target: (identifier) @_def
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: (identifier) @name operator: "when")
    (binary_operator left: (call target: (identifier) @name) operator: "when")
  ])) @definition.function
  (#any-of? @_def "def" "defp" "defdelegate" "defguard" "defguardp"))
((call target: (identifier) @_def
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name) operator: "when")
  ])) @definition.macro
  (#any-of? @_def "defmacro" "defmacrop"))
((call target: (identifier) @_def (do_block) @body) @definition.function
  (#any-of? @_def "def" "defp"))
((call target: (identifier) @_def (do_block) @body) @definition.macro
  (#any-of? @_def "defmacro" "defmacrop"))
((unary_operator operator: "@" operand: (call
  target: (identifier) @_attr
  (arguments . (binary_operator left: [
    (identifier) @name
    (call target: (identifier) @name)
  ])))) @definition.type
  (#any-of? @_attr "type" "typep" "opaque" "callback"))
((unary_operator operator: "@" operand: (call
  target: (identifier) @name (arguments))) @definition.variable
  (#not-match? @name "^(after_compile|before_compile|behaviour|callback|compile|deprecated|derive|describetag|dialyzer|doc|enforce_keys|external_resource|impl|macrocallback|moduledoc|moduletag|on_load|opaque|optional_callbacks|since|spec|tag|type|typedoc|typep)$"))

((call target: [
  (identifier) @reference.call
  (dot right: (identifier) @reference.call)
])
  (#not-match? @reference.call "^(alias|def|defdelegate|defexception|defguard|defguardp|defimpl|defmacro|defmacrop|defmodule|defp|defprotocol|defstruct|doc|import|moduledoc|require|spec|type|typedoc|typep|use)$"))
((call target: (identifier) @_import (arguments . (alias) @reference.import))
  (#any-of? @_import "alias" "import" "require" "use"))
(alias) @reference.type
