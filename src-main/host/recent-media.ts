import { readFile } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import * as v from 'valibot'
import { writeFileAtomically } from './atomic-file.ts'

const MOST = 16
const Entry = v.strictObject({ path: v.pipe(v.string(), v.check(isAbsolute)), atMs: v.number() })
type Entry = v.InferOutput<typeof Entry>
const Stored = v.array(Entry)

/** The media that were put into drives last, kept in a file of the library. */
export class RecentMedia {
  #entries: Entry[] = []

  private constructor(private readonly file: string) {}

  /** A file that is missing or damaged is an empty list: nothing depends on it. */
  static async open(file: string): Promise<RecentMedia> {
    const recent = new RecentMedia(file)
    try {
      const stored = v.safeParse(Stored, JSON.parse(await readFile(file, 'utf8')))
      if (stored.success) recent.#entries = stored.output.slice(0, MOST)
    } catch {
      // The first use, or somebody else's words.
    }
    return recent
  }

  /** The latest first. */
  get entries(): readonly Entry[] {
    return this.#entries
  }

  async note(path: string, atMs = Date.now()): Promise<void> {
    this.#entries = [{ path, atMs }, ...this.#entries.filter((entry) => entry.path !== path)].slice(0, MOST)
    await this.#write()
  }

  async forget(path: string): Promise<void> {
    this.#entries = this.#entries.filter((entry) => entry.path !== path)
    await this.#write()
  }

  async #write(): Promise<void> {
    await writeFileAtomically(this.file, JSON.stringify(this.#entries, null, 2) + '\n')
  }
}
