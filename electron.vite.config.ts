import { chmodSync } from 'node:fs'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'electron-vite'
import type { Plugin } from 'vite'
import { guideChapters } from './tools/guide/guide.ts'

/** Lets the command line be started by its name. */
const executable = {
  name: 'executable',
  writeBundle: () => chmodSync('out/cli/index.js', 0o755),
}

/** One character beyond Latin-1 has the JavaScript engine keep a whole file in memory at two bytes a character. */
const latin1: Plugin = {
  name: 'latin-1',
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle))
      if (file.type === 'chunk')
        file.code = file.code.replaceAll(
          /[^\0-\xff]/g,
          (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
        )
  },
}

/** Brings the user guide into the application. */
const guide = {
  name: 'guide',
  transform: (code: string, id: string) =>
    id.endsWith('.md') ? { code: `export default ${JSON.stringify(guideChapters(code))}`, map: null } : null,
}

/**
 * Everything that runs in Node goes one folder below out/: main/ (desktop, processes and threads of machines),
 * cli/ and the chunks they share. The command line also runs on Node 20, so that is what all of it is built for.
 */
export default defineConfig({
  main: {
    plugins: [executable, latin1],
    build: {
      target: 'node20.19',
      outDir: 'out',
      emptyOutDir: false,
      sourcemap: true,
      // Native and optional: looked for when KVM or a pty is asked for.
      externalizeDeps: { include: ['koffi', 'node-pty'] },
      rolldownOptions: {
        input: {
          'main/index': 'src-main/desktop/index.ts',
          'main/vm-process': 'src-main/vm-process/index.ts',
          'main/machine-worker': 'engine/service/machine-worker.ts',
          'cli/index': 'src-main/cli/index.ts',
        },
        output: {
          entryFileNames: '[name].js',
          chunkFileNames: 'chunks/[name].js',
          // The engine keeps its source in memory, and licences belong there.
          comments: { legal: true, annotation: false, jsdoc: false },
        },
      },
    },
  },
  preload: {
    build: {
      outDir: 'out/preload',
      rolldownOptions: {
        input: { index: 'src-main/preload/index.ts' },
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: 'src-renderer',
    plugins: [vue(), guide],
    build: {
      target: 'chrome120',
      minify: true,
      // Read from disk or loopback, all of it, once.
      chunkSizeWarningLimit: 1500,
      outDir: 'out/renderer',
      sourcemap: false,
      rolldownOptions: { input: 'src-renderer/index.html' },
    },
  },
})
