/**
 * Packages of the desktop application. `npx electron-builder --linux` makes those of one platform in dist/; the
 * programs come from `npm run build`.
 *
 * @type {import('electron-builder').Configuration}
 */
export default {
  appId: 'vitrine.desktop',
  productName: 'Vitrine',
  copyright: 'The authors of Vitrine',
  directories: { output: 'dist', buildResources: 'resources' },
  files: ['out/**', '!out/**/*.map', '!out/man/**', 'package.json'],
  asar: true,
  // What KVM and pseudo-terminals need is native, optional, and comes built.
  npmRebuild: false,
  electronFuses: {
    runAsNode: false,
    enableCookieEncryption: true,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    enableEmbeddedAsarIntegrityValidation: true,
    onlyLoadAppFromAsar: true,
    grantFileProtocolExtraPrivileges: false,
  },
  linux: {
    target: ['AppImage', 'deb'],
    category: 'System;Emulator',
    icon: 'resources/icon.png',
    synopsis: 'Virtual PCs for old systems',
    maintainer: 'The authors of Vitrine <vitrine@example.invalid>',
  },
  deb: { packageCategory: 'misc' },
  win: { target: ['nsis'], icon: 'resources/icon.png' },
  nsis: { oneClick: false, perMachine: false, allowToChangeInstallationDirectory: true },
  mac: { target: ['dmg'], icon: 'resources/icon.png', category: 'public.app-category.utilities' },
}
