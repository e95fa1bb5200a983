import { bootSector } from './boot-sector.ts'

/** Sectors that the guest writes, from the start of the first hard disk. */
export const PASS_SECTORS = 2000

/**
 * A floppy whose program writes the first hard disk over and over: in each pass every sector gets words of its number
 * plus the number of the pass, then all are flushed, read back and compared. It says `.` on COM1 after a pass in which all
 * was as it had been written, and `X` at the first that was not.
 */
export const passGuest = (folder: string): Promise<string> =>
  bootSector(
    folder,
    'pass-guest.img',
    `
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7c00
    cld
    mov dx, 0x3fb
    mov al, 3
    out dx, al
    mov word [0x600], 0
  pass:
    inc word [0x600]
    mov word [0x602], 0
  write:
    call expected
    mov cx, 256
    rep stosw
    mov bl, 0x30
    call command
    mov si, 0x8000
    mov cx, 256
    rep outsw
    call settle
    inc word [0x602]
    cmp word [0x602], ${PASS_SECTORS}
    jb write
    mov dx, 0x1f7
    mov al, 0xe7
    out dx, al
    call settle
    mov word [0x602], 0
  read:
    mov bl, 0x20
    call command
    mov di, 0x8000
    mov cx, 256
    rep insw
    call settle
    call expected
    mov cx, 256
    repe scasw
    jne bad
    inc word [0x602]
    cmp word [0x602], ${PASS_SECTORS}
    jb read
    mov al, '.'
    mov dx, 0x3f8
    out dx, al
    jmp pass
  bad:
    mov al, 'X'
    mov dx, 0x3f8
    out dx, al
    jmp $
  expected:
    mov ax, [0x602]
    add ax, [0x600]
    mov di, 0x8000
    ret
  command:
    mov dx, 0x1f6
    mov al, 0xe0
    out dx, al
    mov dx, 0x1f2
    mov al, 1
    out dx, al
    inc dx
    mov al, [0x602]
    out dx, al
    inc dx
    mov al, [0x603]
    out dx, al
    inc dx
    xor al, al
    out dx, al
    mov dx, 0x1f7
    mov al, bl
    out dx, al
    call settle
    mov dx, 0x1f0
    ret
  settle:
    mov dx, 0x1f7
  busy:
    in al, dx
    test al, 0x80
    jnz busy
    ret
    `,
  )
