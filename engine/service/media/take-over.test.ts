import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { changesBetween, listMedium } from './folder-baseline.ts'
import { imageOfFolder } from './folder-image.ts'
import { isPlainName, takeOver } from './take-over.ts'

let folder: string
let target: string
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'vitrine-take-'))
  target = join(folder, 'target')
  fs.mkdirSync(target)
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

function finish<T>(work: Generator<unknown, T>): T {
  let step = work.next()
  while (!step.done) step = work.next()
  return step.value
}

/** A floppy with these files. */
function floppyOf(files: Record<string, string>): string {
  const source = fs.mkdtempSync(join(folder, 'source-'))
  for (const [path, text] of Object.entries(files)) {
    fs.mkdirSync(join(source, path, '..'), { recursive: true })
    fs.writeFileSync(join(source, path), text)
  }
  const image = `${source}.img`
  const options = { label: 'x', sizeBytes: 1_474_560, format: 'raw', replaces: false, nowMs: 0 } as const
  finish(imageOfFolder(source, image, options))
  return image
}
const take = (image: string, paths: string[], replaces = true) =>
  finish(takeOver({ path: image, options: {} }, paths, target, replaces))
const text = (path: string): string => fs.readFileSync(join(target, path), 'utf8')
const put = (path: string, contents: string): void => fs.writeFileSync(join(target, path), contents)

it('copies what was added and changed, and removes what is gone', () => {
  put('gone.txt', 'gone')
  put('changed.txt', 'before')
  const image = floppyOf({ 'sub/deep/new.txt': 'new', 'changed.txt': 'after', 'other.txt': 'not wanted' })
  const paths = ['changed.txt', 'gone.txt', 'sub', 'sub/deep', 'sub/deep/new.txt']
  expect(take(image, paths)).toEqual({ conflicts: [], taken: 5, left: [] })
  expect(fs.readdirSync(target).toSorted()).toEqual(['changed.txt', 'sub'])
  expect([text('changed.txt'), text('sub/deep/new.txt')]).toEqual(['after', 'new'])
})

it('does nothing without leave where files would be lost', () => {
  put('gone.txt', 'gone')
  put('changed.txt', 'before')
  const image = floppyOf({ 'changed.txt': 'after', 'new.txt': 'new' })
  const paths = ['changed.txt', 'gone.txt', 'new.txt']
  expect(take(image, paths, false)).toEqual({ conflicts: ['changed.txt', 'gone.txt'], taken: 0, left: [] })
  expect(fs.readdirSync(target).toSorted()).toEqual(['changed.txt', 'gone.txt'])
  expect(text('changed.txt')).toBe('before')
})

it('knows a file again whose name the guest wrote in other letters', () => {
  put('Read Me.txt', 'before')
  const image = floppyOf({ 'READ ME.TXT': 'after' })
  take(image, ['READ ME.TXT'])
  expect(fs.readdirSync(target)).toEqual(['Read Me.txt'])
  expect(text('Read Me.txt')).toBe('after')
})

it('goes through no link, and replaces none', () => {
  const outside = join(folder, 'outside')
  fs.mkdirSync(outside)
  fs.writeFileSync(join(outside, 'secret.txt'), 'secret')
  fs.symlinkSync(outside, join(target, 'way'))
  fs.symlinkSync(join(outside, 'secret.txt'), join(target, 'link.txt'))
  fs.symlinkSync(join(outside, 'not there'), join(target, 'dangling.txt'))
  const image = floppyOf({ 'way/secret.txt': 'evil', 'link.txt': 'evil', 'dangling.txt': 'evil' })
  const paths = ['way', 'way/secret.txt', 'link.txt', 'dangling.txt', 'way/removed.txt']
  expect(take(image, paths)).toMatchObject({ taken: 0, left: expect.arrayContaining(paths) })
  expect(fs.readdirSync(outside)).toEqual(['secret.txt'])
  expect(fs.readFileSync(join(outside, 'secret.txt'), 'utf8')).toBe('secret')
})

it('makes nothing under names that mean something else', () => {
  const names = ['AUX', 'con.txt', 'Lpt1.log', 'nul']
  const image = floppyOf(Object.fromEntries(names.map((name) => [name, 'evil'])))
  const outside = ['../outside.txt', '..', 'a/../../b', '/etc/passwd', '']
  expect(take(image, [...names, ...outside])).toMatchObject({ taken: 0 })
  expect(fs.readdirSync(target)).toEqual([])
})

it.each(['..', '.', 'a/b', 'a\\b', 'c:', 'a:stream', 'ends.', 'ends ', 'COM1', 'com¹.txt', 'a\0', 'a*', ''])(
  '%j is no plain name',
  (name) => expect(isPlainName(name)).toBe(false),
)

it('leaves what is something else there', () => {
  fs.mkdirSync(join(target, 'folder'))
  put('file', 'a file')
  const image = floppyOf({ folder: 'is a file', 'file/inside.txt': 'is in a folder' })
  expect(take(image, ['folder', 'file', 'file/inside.txt'])).toMatchObject({ taken: 0 })
  expect(text('file')).toBe('a file')
})

it('tells what changed by contents, where sizes and times are the same', () => {
  const [before, after] = [
    { 'a.txt': 'same', 'b.txt': 'before', 'gone.txt': 'x' },
    { 'a.txt': 'same', 'B.TXT': 'after!', 'new/n.txt': 'x' },
  ].map((files) => finish(listMedium(floppyOf(files))))
  expect(changesBetween(before!, after!)).toMatchObject([
    { path: 'B.TXT', change: 'changed', bytes: 6 },
    { path: 'gone.txt', change: 'removed', kind: 'file' },
    { path: 'new', change: 'added', kind: 'folder' },
    { path: 'new/n.txt', change: 'added', bytes: 1 },
  ])
})
