import { AssemblyError, type Place, type Token, Tokens, tokenize } from './lexer.ts'
import { constant, parseExpression, type Scope } from './expression.ts'

/** Where source text comes from. */
export interface Files {
  readText(path: string): string
  readBytes(path: string): Uint8Array
  /** The path of an included file, or null when there is none. */
  find(name: string, includedFrom: string): string | null
}

/** One line after the preprocessor. */
export interface Line {
  place: Place
  tokens: Token[]
}

const MAX_DEPTH = 32

/** Reads a source file with its %include, %define, %assign, %undef, %if… and %error lines carried out. */
export function readSource(path: string, files: Files, defines: ReadonlyMap<string, string>): Line[] {
  const place = { file: 'command line', line: 1 }
  const constants = new Map([...defines].map(([name, text]) => [name, tokenize(text, place)]))
  return new Preprocessor(files, constants).read(path, 0)
}

/** State of one %if: whether its lines count, and whether some branch was taken already. */
interface Condition {
  active: boolean
  taken: boolean
  outer: boolean
  place: Place
}

class Preprocessor {
  constructor(
    private readonly files: Files,
    private readonly constants: Map<string, Token[]>,
  ) {}

  read(file: string, depth: number): Line[] {
    const lines: Line[] = []
    const conditions: Condition[] = []
    const texts = this.files.readText(file).split(/\r?\n/)
    for (let index = 0; index < texts.length; index++) {
      const place = { file, line: index + 1 }
      let text = texts[index] ?? ''
      while (text.endsWith('\\') && index + 1 < texts.length)
        text = text.slice(0, -1) + (texts[++index] ?? '')
      const tokens = tokenize(text, place)
      const [first] = tokens
      if (first === undefined) continue
      const active = conditions.at(-1)?.active ?? true
      if (first.kind === 'word' && first.text.startsWith('%')) {
        const rest = tokens.slice(1)
        if (this.#condition(first.text, rest, conditions, place) || !active) continue
        lines.push(...this.#directive(first.text, rest, place, depth))
      } else if (active) {
        lines.push({ place, tokens: this.#expand(tokens, new Set()) })
      }
    }
    const open = conditions.at(-1)
    if (open !== undefined) throw new AssemblyError(open.place, 'this %if has no %endif')
    return lines
  }

  #expand(tokens: readonly Token[], within: ReadonlySet<string>): Token[] {
    return tokens.flatMap((token) => {
      const replacement =
        token.kind === 'word' && !within.has(token.text) ? this.constants.get(token.text) : undefined
      return replacement === undefined ? [token] : this.#expand(replacement, new Set([...within, token.text]))
    })
  }

  /** Handles %if and its kin; false when the directive is another one. */
  #condition(name: string, rest: readonly Token[], stack: Condition[], place: Place): boolean {
    const outer = stack.at(-1)?.active ?? true
    const test = (): boolean => {
      const [token] = rest
      switch (name) {
        case '%ifdef':
        case '%ifndef':
          if (token?.kind !== 'word') throw new AssemblyError(place, `${name} wants a name`)
          return this.constants.has(token.text) === (name === '%ifdef')
        default:
          return this.#number(rest, place) !== 0n
      }
    }
    switch (name) {
      case '%if':
      case '%ifdef':
      case '%ifndef': {
        const active = outer && test()
        stack.push({ active, taken: active, outer, place })
        return true
      }
      case '%elif':
      case '%else':
      case '%endif': {
        const top = stack.at(-1)
        if (top === undefined) throw new AssemblyError(place, `${name} without an %if`)
        if (name === '%endif') stack.pop()
        else {
          top.active = top.outer && !top.taken && (name === '%else' || test())
          top.taken ||= top.active
        }
        return true
      }
      default:
        return false
    }
  }

  #number(tokens: readonly Token[], place: Place): bigint {
    const cursor = new Tokens(this.#expand(tokens, new Set()), place)
    const value = parseExpression(cursor)(CONSTANTS_ONLY)
    cursor.expectEnd()
    return value.number
  }

  #directive(name: string, rest: readonly Token[], place: Place, depth: number): Line[] {
    const [first, ...body] = rest
    switch (name) {
      case '%define':
      case '%assign':
      case '%undef': {
        if (first?.kind !== 'word') throw new AssemblyError(place, `${name} wants a name`)
        if (name === '%undef') this.constants.delete(first.text)
        else if (name === '%define') this.constants.set(first.text, body)
        else {
          const value = this.#number(body, place)
          this.constants.set(first.text, [{ kind: 'number', text: String(value), value }])
        }
        return []
      }
      case '%include': {
        if (first?.kind !== 'string') throw new AssemblyError(place, '%include wants a file name in quotes')
        if (depth >= MAX_DEPTH) throw new AssemblyError(place, 'files include each other without end')
        const path = this.files.find(first.text, place.file)
        if (path === null) throw new AssemblyError(place, `file "${first.text}" is not there`)
        return this.read(path, depth + 1)
      }
      case '%error':
        throw new AssemblyError(place, rest.map((token) => token.text).join(' '))
      default:
        throw new AssemblyError(place, `${name} is not supported`)
    }
  }
}

const CONSTANTS_ONLY: Scope = { symbol: () => undefined, here: constant(0n), start: constant(0n) }
