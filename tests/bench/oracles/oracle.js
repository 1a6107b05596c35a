// What TypeScript's own parser says of each file named on standard input; one JSON line
// each. The first argument is the folder of the package "typescript".
const ts = require(process.argv[2])
const fs = require('fs')
const K = ts.SyntaxKind

const bare = e => {
  while (e && (ts.isParenthesizedExpression(e) || ts.isNonNullExpression(e))) e = e.expression
  if (!e) return ''
  if (ts.isIdentifier(e) || ts.isPrivateIdentifier(e)) return e.text
  if (ts.isPropertyAccessExpression(e)) return e.name.text
  if (ts.isExpressionWithTypeArguments(e)) return bare(e.expression)
  return ''
}
const keyed = n => (n && (ts.isIdentifier(n) || ts.isStringLiteral(n) || ts.isPrivateIdentifier(n)) ? n.text : '')
const isFunction = n =>
  n && (ts.isArrowFunction(n) || ts.isFunctionExpression(n))

// The name under which a function-like node is known.
const named = n => {
  if (ts.isConstructorDeclaration(n)) return 'constructor'
  if (ts.isFunctionDeclaration(n) || ts.isMethodDeclaration(n) || ts.isMethodSignature(n) ||
      ts.isGetAccessor(n) || ts.isSetAccessor(n)) return keyed(n.name)
  if (!isFunction(n)) return null
  const p = n.parent
  if (ts.isVariableDeclaration(p) && p.initializer === n) return keyed(p.name)
  if (ts.isPropertyAssignment(p) && p.initializer === n) return keyed(p.name)
  if (ts.isPropertyDeclaration(p) && p.initializer === n) return keyed(p.name)
  if (ts.isBinaryExpression(p) && p.right === n && p.operatorToken.kind === K.EqualsToken)
    return bare(p.left)
  return ts.isFunctionExpression(n) && n.name ? n.name.text : ''
}

for (const path of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const f = { path, error: false, functions: [], classes: [], calls: [], constants: [] }
  const source = ts.createSourceFile(path, fs.readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
  f.error = source.parseDiagnostics.length > 0
  const line = at => source.getLineAndCharacterOfPosition(at).line + 1
  const visit = (n, around) => {
    const name = named(n)
    if (name) {
      let whole = n
      if (isFunction(n)) whole = n.parent
      if (ts.isVariableDeclaration(whole)) whole = whole.parent.parent
      f.functions.push([name, line(whole.getStart(source)), line(whole.getEnd()), n.parameters.length])
      around = name
    }
    if ((ts.isClassDeclaration(n) || ts.isClassExpression(n) || ts.isInterfaceDeclaration(n))) {
      const bases = (n.heritageClauses || []).flatMap(h => h.types.map(bare)).filter(Boolean)
      const own = n.name ? n.name.text
        : ts.isVariableDeclaration(n.parent) ? keyed(n.parent.name) : ''
      f.classes.push([own, line(n.getStart(source)), line(n.getEnd()), bases])
    }
    if (ts.isCallExpression(n) || ts.isNewExpression(n)) {
      const to = bare(n.expression)
      if (to) f.calls.push([to, line(n.expression.getEnd()), around, (n.arguments || []).length])
    }
    if (ts.isVariableDeclaration(n)) f.constants.push(keyed(n.name))
    ts.forEachChild(n, child => visit(child, around))
  }
  visit(source, '')
  console.log(JSON.stringify(f))
}
