import type { Protocol } from 'electron'
import { readFile } from 'node:fs/promises'
import { extname, join, normalize, sep } from 'node:path'
import { bundled } from '../host/locations.ts'
import { PAGE_HEADERS } from '../host/page-headers.ts'

export const APP_SCHEME = 'app'
export const APP_ORIGIN = `${APP_SCHEME}://vitrine`

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
}

/** Serves the interface from the bundle under its own scheme, and nothing outside of it. */
export function serveBundle(protocol: Protocol): void {
  const root = bundled('renderer')
  protocol.handle(APP_SCHEME, async ({ url }) => {
    const { host, pathname } = new URL(url)
    const path = normalize(join(root, decodeURIComponent(pathname)))
    const type = TYPES[extname(path)]
    if (host !== new URL(APP_ORIGIN).host || !path.startsWith(root + sep) || !type)
      return new Response(null, { status: 404 })
    const contents = await readFile(path).catch(() => null)
    if (!contents) return new Response(null, { status: 404 })
    return new Response(new Uint8Array(contents), { headers: { ...PAGE_HEADERS, 'content-type': type } })
  })
}
