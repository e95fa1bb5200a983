import type { ShelfImage } from '../../engine/protocol/shelf.ts'

/** An image in the list, as deep as what it builds on lies. */
export interface ShelfRow {
  image: ShelfImage
  depth: number
}

/** Images with those that build on them right below, in the order in which they come. */
export function shelfRows(images: readonly ShelfImage[]): ShelfRow[] {
  const ids = new Set(images.map(({ id }) => id))
  const placeOf = ({ below }: ShelfImage): string => (below !== null && ids.has(below) ? below : '')
  const over = new Map<string, ShelfImage[]>()
  for (const image of images) over.set(placeOf(image), [...(over.get(placeOf(image)) ?? []), image])
  const rows: ShelfRow[] = []
  const add = (below: string, depth: number): void => {
    for (const image of over.get(below) ?? []) {
      rows.push({ image, depth })
      add(image.id, depth + 1)
    }
  }
  add('', 0)
  return rows
}
