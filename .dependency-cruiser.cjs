// Who may import whom: docs/design.md shows the same as a picture. Tests may import anything.

/** Parts of the engine and what each may import besides itself. Every part may import engine/protocol. */
const ENGINE = {
  protocol: [],
  base: [],
  wasm: ['base'],
  memory: ['base'],
  bus: ['base', 'memory'],
  storage: ['base', 'wasm'],
  network: ['base'],
  audio: ['base'],
  isa: ['base', 'memory', 'wasm'],
  fpu: ['base', 'memory', 'isa'],
  vcpu: ['base', 'memory', 'bus', 'isa'],
  interpreter: ['base', 'memory', 'bus', 'wasm', 'isa', 'fpu', 'vcpu'],
  translator: ['base', 'memory', 'bus', 'wasm', 'isa', 'fpu', 'vcpu', 'interpreter'],
  kvm: ['base', 'memory', 'bus', 'isa', 'vcpu'],
  // What a medium is, but nothing that opens one.
  devices: [
    'base',
    'memory',
    'bus',
    'wasm',
    'storage/block-image.ts',
    'storage/cd-image.ts',
    'storage/floppy-image.ts',
    'storage/floppy-geometry.ts',
    'storage/floppy-track.ts',
  ],
  virtio: ['base', 'memory', 'bus', 'devices', 'storage/block-image.ts'],
  firmware: [
    'base',
    'memory',
    'bus',
    'devices',
    'storage/block-image.ts',
    'storage/floppy-geometry.ts',
    'storage/floppy-track.ts',
  ],
  snapshot: ['base', 'memory', 'devices', 'wasm'],
  debugger: ['base', 'memory', 'bus', 'isa', 'vcpu'],
  machine: [
    'base memory bus storage network audio isa wasm fpu vcpu interpreter translator kvm',
    'devices virtio firmware snapshot debugger',
  ].flatMap((names) => names.split(' ')),
  service: ['base', 'debugger', 'devices', 'machine', 'snapshot', 'storage'],
}

/** Parts that reach the host's files and sockets; all others get what they need handed to them. */
const TOUCHES_HOST = new Set([
  'interpreter', // it reads its modules, built ahead of time
  'snapshot', // it compresses and computes checksums
  'storage',
  'network',
  'audio',
  'kvm',
  'service',
  'machine',
  'firmware',
  'fpu',
  'debugger',
])

/** Tests, and what only they use beside the source. */
const TEST_FILES = '(\\.test\\.ts|/test-[^/]+\\.ts)$'
const OURS = '^(engine|src-main|src-renderer|test|tools|scripts)/'

const only = (from, allowed, comment) => ({
  name: `${from.replaceAll('/', '-')}-imports`,
  comment,
  severity: 'error',
  from: { path: `^${from}/`, pathNot: TEST_FILES },
  to: {
    path: OURS,
    pathNot: [`^${from}/`, ...allowed.map((path) => `^${path}${path.endsWith('.ts') ? '$' : '/'}`)],
  },
})

module.exports = {
  forbidden: [
    ...Object.entries(ENGINE).map(([part, allowed]) =>
      only(
        `engine/${part}`,
        ['protocol', ...allowed].map((name) => `engine/${name}`),
        `engine/${part} may import ${['protocol', ...allowed].join(', ')}`,
      ),
    ),
    only(
      'src-main',
      ['engine/service', 'engine/protocol'],
      'the host side sees the service and the protocol only',
    ),
    only('src-renderer', ['engine/protocol'], 'the renderer sees the protocol only'),
    only('tools', [], 'tools stand alone: they run before anything is built'),
    {
      name: 'engine-parts-are-known',
      comment: 'a new part of the engine needs a line in .dependency-cruiser.cjs',
      severity: 'error',
      from: { path: '^engine/', pathNot: [`^engine/(${Object.keys(ENGINE).join('|')})/`, TEST_FILES] },
      to: {},
    },
    {
      name: 'engine-is-plain',
      comment: 'the engine runs in plain Node: no window system, no Electron, no framework',
      severity: 'error',
      from: { path: '^engine/' },
      to: { path: ['^electron$', '(^|/)node_modules/(electron|vue|pinia|reka-ui|@lucide)(/|$)'] },
    },
    {
      name: 'devices-know-no-host',
      comment: 'what a guest can reach has no files, sockets or processes at hand',
      severity: 'error',
      from: {
        path: `^engine/(${Object.keys(ENGINE)
          .filter((part) => !TOUCHES_HOST.has(part))
          .join('|')})/`,
        pathNot: TEST_FILES,
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'renderer-knows-no-node',
      severity: 'error',
      from: { path: '^src-renderer/', pathNot: TEST_FILES },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-circles',
      comment: 'files that need each other are one file, or three',
      severity: 'error',
      from: { path: OURS },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-test-support-in-products',
      severity: 'error',
      from: { path: '^(engine|src-main|src-renderer)/', pathNot: TEST_FILES },
      to: { path: '^test/' },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: { path: OURS },
      to: { couldNotResolve: true, pathNot: '^electron$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^engine/fpu/assembly/', '^out/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
}
