/** An element of an XML document; names are without their prefix. */
export interface XmlElement {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly XmlElement[]
  /** Of the element itself, without what its children hold. */
  readonly text: string
}

const MAX_DEPTH = 100
// Each alternative is told by its first characters and a name by what follows it, so that no text takes more than one
// look at each of its characters.
const TOKEN =
  /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<\?[\s\S]*?\?>|<!DOCTYPE[^<>[\]]*>|<(\/?)([^\s/>!?]+)(?=[\s/>])((?:[^>"']|"[^"]*"|'[^']*')*?)(\/?)>|[^<]+/y
const ATTRIBUTE = /(?<=^|\s)([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

interface Open {
  name: string
  attributes: Map<string, string>
  children: Open[]
  text: string
}

/**
 * Reads what configurations of machines are written in: elements, attributes, text. A document type that
 * defines anything, which could be entities without end or files, is refused as everything else that is no such document;
 * one that only names itself is passed over, and never fetched.
 *
 * @returns the outermost element, or why there is none
 */
export function readXml(text: string): XmlElement | { problem: string } {
  const root: Open = { name: '', attributes: new Map(), children: [], text: '' }
  const open = [root]
  TOKEN.lastIndex = 0
  const source = text.replace(/^\uFEFF/, '')
  for (let at = 0; at < source.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at
    const token = TOKEN.exec(source)
    if (!token) return { problem: `what stands at character ${at} is not understood` }
    const [whole, data, slash, name, attributes, isEmpty] = token
    const top = open.at(-1)!
    if (data !== undefined) top.text += data
    else if (name === undefined) {
      if (!whole.startsWith('<')) top.text += decoded(whole)
    } else if (slash) {
      if (open.length === 1 || top.name !== local(name)) return { problem: `</${name}> ends nothing` }
      open.pop()
    } else {
      const made: Open = {
        name: local(name),
        attributes: attributesOf(attributes ?? ''),
        children: [],
        text: '',
      }
      top.children.push(made)
      if (isEmpty) continue
      if (open.push(made) > MAX_DEPTH) return { problem: `its elements are nested deeper than ${MAX_DEPTH}` }
    }
  }
  if (open.length > 1) return { problem: `<${open.at(-1)!.name}> does not end` }
  return root.children[0] ?? { problem: 'it has no element' }
}

/** Elements anywhere below one, by their names from the outside to the inside. */
export function elementsAt(from: XmlElement, ...path: string[]): XmlElement[] {
  return path.reduce(
    (found, name) => found.flatMap((one) => one.children.filter((child) => child.name === name)),
    [from],
  )
}

export const attributeOf = (element: XmlElement | undefined, name: string): string =>
  element?.attributes.get(name) ?? ''

const local = (name: string): string => name.slice(name.indexOf(':') + 1)

function attributesOf(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(ATTRIBUTE)].map(([, name, one, other]) => [local(name!), decoded(one ?? other ?? '')]),
  )
}

const decoded = (text: string): string =>
  text.replaceAll(
    /&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi,
    (whole, decimal: string, hex: string, name: string) => {
      if (name) return ENTITIES[name] ?? whole
      const code = decimal ? Number(decimal) : Number.parseInt(hex, 16)
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole
    },
  )
