/** An element of XML with its attributes, and a text or elements in it; those that are null are left out. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...inside: readonly (Element | string | null)[]
): Element {
  return { name, attributes, inside: inside.filter((one) => one !== null) }
}

export interface Element {
  readonly name: string
  readonly attributes: Readonly<Record<string, string | number>>
  readonly inside: readonly (Element | string)[]
}

/** The document with this element as its outermost one. */
export const xmlDocument = (root: Element): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${written(root, '')}\n`

function written({ name, attributes, inside }: Element, indent: string): string {
  const opening = [
    name,
    ...Object.entries(attributes).map(([key, value]) => `${key}="${escaped(String(value))}"`),
  ].join(' ')
  if (inside.length === 0) return `${indent}<${opening}/>`
  if (inside.every((one) => typeof one === 'string'))
    return `${indent}<${opening}>${escaped(inside.join(''))}</${name}>`
  const lines = inside.map((one) => (typeof one === 'string' ? escaped(one) : written(one, `${indent}  `)))
  return [`${indent}<${opening}>`, ...lines, `${indent}</${name}>`].join('\n')
}

/** Characters that XML 1.0 cannot have at all are left out. */
const escaped = (text: string): string =>
  text
    .replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
