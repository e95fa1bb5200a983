/** Where a line comes from, for messages. */
export interface Place {
  file: string
  line: number
}

/** What is wrong with a source text; `message` starts with file:line. */
export class AssemblyError extends Error {
  constructor(
    readonly place: Place,
    readonly reason: string,
  ) {
    super(`${place.file}:${place.line}: ${reason}`)
    this.name = 'AssemblyError'
  }
}

export type Token =
  | { kind: 'word'; text: string }
  | { kind: 'number'; text: string; value: bigint }
  | { kind: 'float'; text: string; value: number }
  | { kind: 'string'; text: string; bytes: Uint8Array }
  | { kind: 'symbol'; text: string }

const WORD = /[A-Za-z_.?@][\w.$#@~?]*/y
const NUMBER = /\d[\w.]*(?:(?<=\.\d*[eE])[+-]\d+)?/y
const DIRECTIVE = /%[a-z]+/y
const SYMBOL = /\$\$|<<|>>|<=|>=|==|!=|<>|&&|\|\||\^\^|\/\/|%%|[-+*/%&|^~!()[\],:=<>$?]/y
const SPACE = /\s+/y
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', e: '\x1b', 0: '\0' }

/** Splits one line; a comment ends it. */
export function tokenize(text: string, place: Place): Token[] {
  const tokens: Token[] = []
  let at = 0
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found === undefined) return null
    at += found.length
    return found
  }
  while (at < text.length) {
    if (take(SPACE) !== null) continue
    const first = text.charAt(at)
    if (first === ';') break
    if (first === "'" || first === '"' || first === '`') {
      const end = closingQuote(text, at, first)
      if (end < 0) throw new AssemblyError(place, 'this string has no end')
      const inner = text.slice(at + 1, end)
      const value = first === '`' ? unescape(inner) : inner
      tokens.push({ kind: 'string', text: value, bytes: new TextEncoder().encode(value) })
      at = end + 1
      continue
    }
    const word = take(WORD) ?? (tokens.length === 0 ? take(DIRECTIVE) : null)
    if (word !== null) {
      tokens.push({ kind: 'word', text: word })
      continue
    }
    const number = take(NUMBER)
    if (number !== null) {
      tokens.push(numberToken(number, place))
      continue
    }
    const symbol = take(SYMBOL)
    if (symbol === null) throw new AssemblyError(place, `did not expect "${first}" here`)
    tokens.push({ kind: 'symbol', text: symbol })
  }
  return tokens
}

function closingQuote(text: string, start: number, quote: string): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === quote) return at
    if (quote === '`' && text[at] === '\\') at++
  }
  return -1
}

function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-fA-F]{1,2})|(.))/g, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(parseInt(hex, 16)),
  )
}

const RADIXES: readonly [RegExp, string][] = [
  [/^0[xh]([0-9a-f]+)$/, '0x'],
  [/^0[by]([01]+)$/, '0b'],
  [/^0[oq]([0-7]+)$/, '0o'],
  [/^(\d+)[dt]?$/, ''],
  [/^(\d[0-9a-f]*)h$/, '0x'],
  [/^([01]+)[by]$/, '0b'],
  [/^([0-7]+)[oq]$/, '0o'],
]

function numberToken(text: string, place: Place): Token {
  if (/^\d+\.\d*(?:[eE][+-]?\d+)?$/.test(text)) return { kind: 'float', text, value: Number(text) }
  const plain = text.toLowerCase().replaceAll('_', '')
  for (const [pattern, prefix] of RADIXES) {
    const digits = pattern.exec(plain)?.[1]
    if (digits !== undefined) return { kind: 'number', text, value: BigInt(prefix + digits) }
  }
  throw new AssemblyError(place, `"${text}" is not a number`)
}

/** A cursor over the tokens of one line. */
export class Tokens {
  #at = 0

  constructor(
    private readonly tokens: readonly Token[],
    readonly place: Place,
  ) {}

  get done(): boolean {
    return this.#at >= this.tokens.length
  }

  peek(ahead = 0): Token | undefined {
    return this.tokens[this.#at + ahead]
  }

  next(): Token {
    const token = this.tokens[this.#at++]
    if (token === undefined) throw this.error('the line ends too early')
    return token
  }

  /** True when the token `ahead` places on is this symbol. */
  isSymbol(text: string, ahead = 0): boolean {
    const token = this.peek(ahead)
    return token?.kind === 'symbol' && token.text === text
  }

  /** The lower-case text of a word at that place, or null. */
  word(ahead = 0): string | null {
    const token = this.peek(ahead)
    return token?.kind === 'word' ? token.text.toLowerCase() : null
  }

  skip(count = 1): void {
    this.#at += count
  }

  accept(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false
    this.#at++
    return true
  }

  expect(symbol: string): void {
    if (!this.accept(symbol)) throw this.error(`expected "${symbol}" ${this.#found()}`)
  }

  expectEnd(): void {
    if (!this.done) throw this.error(`expected the end of the line ${this.#found()}`)
  }

  error(reason: string): AssemblyError {
    return new AssemblyError(this.place, reason)
  }

  #found(): string {
    const token = this.peek()
    return token === undefined ? 'but the line ends' : `before "${token.text}"`
  }
}
