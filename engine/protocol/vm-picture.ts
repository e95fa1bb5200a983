import * as v from 'valibot'

/** Pixels on each side of the picture that a user gives a machine. */
export const VM_PICTURE_SIDE = 128
/** That many pixels that cannot be compressed at all, and what is around them. */
export const MAX_PICTURE_BYTES = 80 << 10
/** Signature, IHDR, and a width and height of 128 in base64: 24 bytes, which are whole groups of it. PNG 1.2, 3.1 and 4.1.1. */
const BEGINNING = 'iVBORw0KGgoAAAANSUhEUgAAAIAAAACA'

/** A user's own picture of a machine: PNG in base64. Windows make it of whatever file was given, so nothing else is one. */
export const VmPicture = v.pipe(
  v.string(),
  v.maxLength((MAX_PICTURE_BYTES / 3) * 4 + 4, 'the picture is too large'),
  v.startsWith(BEGINNING, `the picture is no PNG of ${VM_PICTURE_SIDE} by ${VM_PICTURE_SIDE}`),
  v.base64('the picture is not in base64'),
)
