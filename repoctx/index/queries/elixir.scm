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
    (binary_operator left: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name))
  ])) @definition.function
  (#any-of? @_def "def" "defp" "defdelegate" "defguard" "defguardp"))
((call target: (identifier) @_def
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name))
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
  (#not-any-of? @name "doc" "moduledoc" "typedoc" "spec" "type" "typep" "opaque"
    "callback" "impl" "behaviour" "derive" "enforce_keys" "deprecated" "tag"
    "macrocallback" "optional_callbacks" "compile" "dialyzer" "since" "external_resource"))

(call target: [
  (identifier) @reference.call
  (dot right: (identifier) @reference.call)
])
((call target: (identifier) @_import (arguments . (alias) @reference.import))
  (#any-of? @_import "alias" "import" "require" "use"))
(alias) @reference.type
