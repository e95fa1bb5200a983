import { RpcError } from '../../engine/protocol/rpc.ts'
import { VM_PICTURE_SIDE } from '../../engine/protocol/vm-picture.ts'

/** What browsers draw, as they call it. */
export const PICTURE_TYPES = [
  'image/png',
  'image/jpeg',
  'image/svg+xml',
  'image/gif',
  'image/webp',
  'image/bmp',
  'image/x-icon',
  'image/vnd.microsoft.icon',
] as const
/** Nobody's icon is larger; a file of another kind may be. */
const MAX_FILE_BYTES = 32 << 20
/** A small file can claim to be a picture that fills the memory. */
const MAX_PIXELS = 64 << 20

/**
 * A machine's picture of a file that a user gave. It is drawn and written anew, so that what is kept has nothing in it of
 * the file but how it looks. An SVG in an `img` runs no script and fetches nothing.
 * Throws `picture-unusable`.
 * @returns PNG in base64
 */
export async function pictureOf(file: File): Promise<string> {
  if (!PICTURE_TYPES.some((type) => type === file.type) || file.size > MAX_FILE_BYTES) throw unusable(file)
  const image = await load(await dataUrlOf(file)).catch(() => {
    throw unusable(file)
  })
  const { naturalWidth: width, naturalHeight: height } = image
  if (width === 0 || height === 0 || width * height > MAX_PIXELS) throw unusable(file)

  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = VM_PICTURE_SIDE
  const context = canvas.getContext('2d')!
  const scale = VM_PICTURE_SIDE / Math.max(width, height)
  // Icons of the time are made of pixels that are to be seen.
  context.imageSmoothingEnabled = scale < 1 || file.type === 'image/svg+xml'
  context.imageSmoothingQuality = 'high'
  context.translate(VM_PICTURE_SIDE / 2, VM_PICTURE_SIDE / 2)
  context.scale(scale, scale)
  try {
    context.drawImage(image, -width / 2, -height / 2, width, height)
    return dataOf(canvas.toDataURL('image/png'))
  } catch {
    throw unusable(file) // it could not be decoded after all
  }
}

const unusable = ({ name }: File): RpcError => new RpcError('picture-unusable', { name })

const dataOf = (url: string): string => url.slice(url.indexOf(',') + 1)

function load(url: string): Promise<HTMLImageElement> {
  const image = new Image()
  return new Promise((resolve, reject) => {
    image.addEventListener('load', () => resolve(image))
    image.addEventListener('error', reject)
    image.src = url
  })
}

function dataUrlOf(file: File): Promise<string> {
  const reader = new FileReader()
  return new Promise((resolve, reject) => {
    reader.addEventListener('load', () => resolve(reader.result as string))
    reader.addEventListener('error', () => reject(unusable(file)))
    reader.readAsDataURL(file)
  })
}
