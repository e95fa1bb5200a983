import type { XmlElement } from './xml.ts'

/** A dictionary of Apple's property lists; what is missing or of another type reads as nothing. */
export class PlistDictionary {
  readonly #values = new Map<string, XmlElement>()

  constructor(dictionary: XmlElement | undefined) {
    const children = dictionary?.name === 'dict' ? dictionary.children : []
    for (let at = 0; at + 1 < children.length; at += 2)
      if (children[at]!.name === 'key') this.#values.set(children[at]!.text.trim(), children[at + 1]!)
  }

  /** A string or a number as it is written. */
  text(key: string): string {
    const value = this.#values.get(key)
    return value && isText(value) ? value.text.trim() : ''
  }

  isOn(key: string): boolean {
    return this.#values.get(key)?.name === 'true'
  }

  dictionary(key: string): PlistDictionary {
    return new PlistDictionary(this.#values.get(key))
  }

  /** The dictionaries of an array. */
  list(key: string): PlistDictionary[] {
    return this.#array(key)
      .filter(({ name }) => name === 'dict')
      .map((element) => new PlistDictionary(element))
  }

  /** The strings of an array. */
  texts(key: string): string[] {
    return this.#array(key)
      .filter(isText)
      .map(({ text }) => text.trim())
  }

  #array(key: string): readonly XmlElement[] {
    const value = this.#values.get(key)
    return value?.name === 'array' ? value.children : []
  }
}

const isText = ({ name }: XmlElement): boolean => name === 'string' || name === 'integer' || name === 'real'

/** The outermost dictionary of a property list; null when it has none. */
export function readPlist(root: XmlElement): PlistDictionary | null {
  const [dictionary] = root.children
  return dictionary?.name === 'dict' ? new PlistDictionary(dictionary) : null
}
