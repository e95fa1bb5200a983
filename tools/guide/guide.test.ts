import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guideChapters } from './guide.ts'

const guide = (name: string) => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8')

describe('the guide in the application', () => {
  it('is one chapter for each heading, with what it is written in', () => {
    const [first, second] = guideChapters(
      [
        '# Guide\n\nNot shown.\n\n## A new machine\n\nPress **New** or `Ctrl+N`, *always*\nhere & <there>.',
        '- one\n  more\n- two\n\n1. first\n2. second\n\n```\nvitrine list\n\n  x < y\n```',
        '## Tables, lists\n\n| a | b |\n|---|---|\n| `x` | [y](z.md) |\n\n### Deep\n\n[up](#a-new-machine) ![](x.png)',
      ].join('\n\n'),
    )
    expect(first).toEqual({
      id: 'a-new-machine',
      title: 'A new machine',
      html:
        '<p>Press <strong>New</strong> or <code>Ctrl+N</code>, <em>always</em> here &amp; &lt;there&gt;.</p>' +
        '<ul><li>one more</li><li>two</li></ul><ol><li>first</li><li>second</li></ol>' +
        '<pre tabindex="0">vitrine list\n\n  x &lt; y</pre>',
    })
    expect(second).toMatchObject({
      id: 'tables-lists',
      html:
        '<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td><code>x</code></td><td>y</td></tr></tbody></table>' +
        '<h4 id="deep">Deep</h4><p><a href="#a-new-machine">up</a> </p>',
    })
  })

  it('has the same chapters in every language, with as much to see in each', () => {
    const [english, german] = ['user-guide.md', 'user-guide.de.md'].map((name) => guideChapters(guide(name)))
    const shapeOf = (html: string) =>
      ['<p>', '<li>', '<tr>', '<pre', '<code>'].map((tag) => [tag, html.split(tag).length - 1])
    expect(german!.map(({ html }) => shapeOf(html))).toEqual(english!.map(({ html }) => shapeOf(html)))
  })

  it('leaves no mark of Markdown in the user guide', () => {
    for (const name of ['user-guide.md', 'user-guide.de.md']) {
      const chapters = guideChapters(guide(name))
      expect(chapters.length).toBeGreaterThan(8)
      for (const { title, html } of chapters) {
        const words = html.replaceAll(/<(pre|code)[^>]*>.*?<\/\1>/gs, '')
        expect(words, title).not.toMatch(/\*\*|`|\]\(|^\||<p>-|<p>#/m)
      }
    }
  })
})
