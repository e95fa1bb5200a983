/** What of the DAC is saved. */
export interface DacValues {
  mask: number
  writeIndex: number
  readIndex: number
  component: number
  isReading: boolean
  isWide: boolean
  latch: Uint8Array<ArrayBuffer>
  colors: Uint8Array<ArrayBuffer>
}

/**
 * The palette: 256 colours of three components with 6 bits each, or 8 where the Bochs extension asks for it
 * (ports 3C6h to 3C9h). Indices wrap at 256.
 * @see IBM VGA Technical Reference, "Video Digital-to-Analog Converter"
 */
export class Dac {
  /** PEL mask: ANDed with every index on its way to the screen. */
  mask = 0xff
  /** True while components have 8 bits. */
  isWide = false
  /** Changes whenever a colour on the screen may have changed. */
  generation = 0
  #writeIndex = 0
  #readIndex = 0
  #component = 0
  #isReading = false
  /** A colour is taken as a whole with its third component. */
  #latch = new Uint8Array(3)
  #colors = new Uint8Array(256 * 3)

  reset(): void {
    this.mask = 0xff
    this.isWide = false
    this.#writeIndex = this.#readIndex = this.#component = 0
    this.#isReading = false
    this.#latch.fill(0)
    this.#colors.fill(0)
    this.generation++
  }

  writeMask(value: number): void {
    if (value === this.mask) return
    this.mask = value
    this.generation++
  }

  startReading(index: number): void {
    this.#readIndex = index
    this.#component = 0
    this.#isReading = true
  }

  startWriting(index: number): void {
    this.#writeIndex = index
    this.#component = 0
    this.#isReading = false
  }

  get writeIndex(): number {
    return this.#writeIndex
  }

  /** Port 3C7h: 3 while reading, 0 while writing. */
  get state(): number {
    return this.#isReading ? 3 : 0
  }

  readData(): number {
    const value = this.#colors[this.#readIndex * 3 + this.#component]!
    if (++this.#component === 3) {
      this.#component = 0
      this.#readIndex = (this.#readIndex + 1) & 0xff
    }
    return value
  }

  writeData(value: number): void {
    this.#latch[this.#component] = this.isWide ? value : value & 0x3f
    if (++this.#component < 3) return
    this.#component = 0
    const at = this.#writeIndex * 3
    const colors = this.#colors
    const latch = this.#latch
    if (colors[at] !== latch[0] || colors[at + 1] !== latch[1] || colors[at + 2] !== latch[2]) {
      colors.set(latch, at)
      this.generation++
    }
    this.#writeIndex = (this.#writeIndex + 1) & 0xff
  }

  /** Switches between 6 and 8 bits a component; the colours, and one half written, stay as near as can be. */
  setWide(isWide: boolean): void {
    if (isWide === this.isWide) return
    this.isWide = isWide
    for (const components of [this.#colors, this.#latch])
      for (let at = 0; at < components.length; at++)
        components[at] = isWide ? components[at]! << 2 : components[at]! >> 2
    this.generation++
  }

  /** Fills 256 pixel values (RGBA bytes in memory order), by index before the PEL mask. */
  pixels(into: Uint32Array): void {
    const colors = this.#colors
    const isWide = this.isWide
    for (let index = 0; index < 256; index++) {
      const at = (index & this.mask) * 3
      let red = colors[at]!
      let green = colors[at + 1]!
      let blue = colors[at + 2]!
      if (!isWide) {
        red = (red << 2) | (red >> 4)
        green = (green << 2) | (green >> 4)
        blue = (blue << 2) | (blue >> 4)
      }
      into[index] = 0xff000000 | (blue << 16) | (green << 8) | red
    }
  }

  save(): DacValues {
    return {
      mask: this.mask,
      writeIndex: this.#writeIndex,
      readIndex: this.#readIndex,
      component: this.#component,
      isReading: this.#isReading,
      isWide: this.isWide,
      latch: this.#latch.slice(),
      colors: this.#colors.slice(),
    }
  }

  load(saved: DacValues): void {
    this.mask = saved.mask
    this.isWide = saved.isWide
    this.#writeIndex = saved.writeIndex
    this.#readIndex = saved.readIndex
    this.#component = saved.component
    this.#isReading = saved.isReading
    const widest = saved.isWide ? 0xff : 0x3f
    for (let at = 0; at < 3; at++) this.#latch[at] = saved.latch[at]! & widest
    for (let at = 0; at < this.#colors.length; at++) this.#colors[at] = saved.colors[at]! & widest
    this.generation++
  }
}
