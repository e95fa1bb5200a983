import ts from 'typescript'
import type { Plugin } from 'vitest/config'

/** Source whose accesses to typed arrays are checked: what a guest's values reach. */
const CHECKED = /\/engine\/(devices|bus|virtio|firmware\/(port|services))\/.*(?<!\.test)\.ts$/

/**
 * Makes every `array[index]` of the device models tell the harness when the index lies outside of a typed array:
 * such a read gives undefined, and such a write is lost, without a word. See checked-index.ts for the other half.
 */
export function checkedIndexing(): Plugin {
  return {
    name: 'checked-indexing',
    enforce: 'pre',
    transform: (code, id) => (CHECKED.test(id) ? { code: instrument(code), map: null } : undefined),
  }
}

/** Lines stay where they are. */
function instrument(code: string): string {
  const source = ts.createSourceFile('source.ts', code, ts.ScriptTarget.ESNext, true)
  const insertions: { at: number; text: string }[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isElementAccessExpression(node) && isChecked(node)) {
      const index = node.argumentExpression
      insertions.push({ at: index.getStart(), text: `__index(${node.expression.getText()}, ` })
      insertions.push({ at: index.getEnd(), text: ')' })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  // An inner access ends no later than the one around it: a stable order keeps the brackets nested.
  insertions.sort((a, b) => a.at - b.at)
  let result = ''
  let from = 0
  for (const { at, text } of insertions) {
    result += code.slice(from, at) + text
    from = at
  }
  return result + code.slice(from)
}

/** A read that may find nothing has a type that says so, and the compiler sees to it: `!` and writes are promises. */
function isChecked(node: ts.ElementAccessExpression): boolean {
  const { expression, argumentExpression, questionDotToken } = node
  if (questionDotToken || ts.isLiteralExpression(argumentExpression) || !isPlain(expression)) return false
  let outer: ts.Node = node
  while (ts.isNonNullExpression(outer.parent) || ts.isParenthesizedExpression(outer.parent))
    outer = outer.parent
  return ts.isNonNullExpression(outer) || isWritten(outer)
}

function isWritten(node: ts.Node): boolean {
  const { parent } = node
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent))
    return (
      parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken
    )
  return (
    ts.isBinaryExpression(parent) &&
    parent.left === node &&
    parent.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
    parent.operatorToken.kind <= ts.SyntaxKind.LastAssignment
  )
}

/** Evaluating it twice changes nothing. */
function isPlain(node: ts.Expression): boolean {
  if (ts.isIdentifier(node) || node.kind === ts.SyntaxKind.ThisKeyword) return true
  if (ts.isNonNullExpression(node) || ts.isParenthesizedExpression(node)) return isPlain(node.expression)
  if (ts.isPropertyAccessExpression(node)) return isPlain(node.expression)
  if (ts.isElementAccessExpression(node))
    return (
      isPlain(node.expression) &&
      (isPlain(node.argumentExpression) || ts.isLiteralExpression(node.argumentExpression))
    )
  return false
}
