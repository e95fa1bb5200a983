import { readFileSync } from 'node:fs'
import ts from 'typescript'

/**
 * Makes the branches of modules counted, for fuzzing: each adds to its own place of `globalThis.__branches`.
 * @param {RegExp} filter paths of the modules
 * @returns {import('esbuild').Plugin}
 */
export function branchCounters(filter) {
  let next = 0
  return {
    name: 'branch-counters',
    setup(build) {
      build.onLoad({ filter }, ({ path }) => {
        const { code, count } = instrument(readFileSync(path, 'utf8'), next)
        next += count
        return { contents: code, loader: 'ts' }
      })
    },
  }
}

/** Lines stay where they are. */
function instrument(code, first) {
  const source = ts.createSourceFile('source.ts', code, ts.ScriptTarget.ESNext, true)
  const insertions = []
  let count = 0
  const counter = () => `__branches[${first + count++}]++`
  const around = (node, before, after, inside) => {
    insertions.push({ at: node.getStart(), text: before })
    inside()
    insertions.push({ at: node.getEnd(), text: after })
  }
  const visit = (node) => {
    const inside = () => ts.forEachChild(node, visit)
    const { parent } = node
    if (ts.isBlock(node)) insertions.push({ at: node.getStart() + 1, text: `${counter()};` })
    if (ts.isCaseOrDefaultClause(node) && node.statements.length > 0)
      insertions.push({ at: node.statements[0].getStart(), text: `${counter()};` })
    if (isLoneStatement(node)) around(node, `{${counter()};`, '}', inside)
    else if (isChoice(node, parent)) around(node, `(${counter()},`, ')', inside)
    else inside()
  }
  visit(source)
  // Of two at one place the outer one was noted first where they open, and last where they close.
  insertions.sort((a, b) => a.at - b.at)
  let result = ''
  let from = 0
  for (const { at, text } of insertions) {
    result += code.slice(from, at) + text
    from = at
  }
  return { code: result + code.slice(from), count }
}

/** A branch without braces. */
function isLoneStatement(node) {
  const { parent } = node
  if (!parent || ts.isBlock(node)) return false
  if (ts.isIfStatement(parent)) return parent.thenStatement === node || parent.elseStatement === node
  return ts.isIterationStatement(parent, false) && parent.statement === node
}

/** An expression that is computed only sometimes. */
function isChoice(node, parent) {
  if (!parent) return false
  if (ts.isConditionalExpression(parent)) return parent.whenTrue === node || parent.whenFalse === node
  if (ts.isArrowFunction(parent)) return parent.body === node && !ts.isBlock(node)
  const lazy = [
    ts.SyntaxKind.AmpersandAmpersandToken,
    ts.SyntaxKind.BarBarToken,
    ts.SyntaxKind.QuestionQuestionToken,
  ]
  return ts.isBinaryExpression(parent) && parent.right === node && lazy.includes(parent.operatorToken.kind)
}
