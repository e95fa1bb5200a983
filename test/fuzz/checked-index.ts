/** Where a device model went past the end of a typed array, as stacks; the harness takes them after each case. */
export const breaches: string[] = []

const MAX_KEPT = 10

function checkedIndex<Index>(array: { length: number }, index: Index): Index {
  const number = index as number
  if (number >= 0 && number < array.length && Math.trunc(number) === number) return index
  if (typeof index === 'number' && ArrayBuffer.isView(array) && breaches.length < MAX_KEPT)
    breaches.push(new Error(`index ${index} of an array of ${array.length}`).stack ?? '')
  return index
}

// What checked-indexing.ts puts into the device models calls it by this name.
Object.assign(globalThis, { __index: checkedIndex })
