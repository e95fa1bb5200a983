import { bootSector } from './boot-sector.ts'

/** What the guest reads and writes, in bytes from the start of the first hard disk. */
export const GUEST_SECTOR_AT = 0x1800 * 512

/**
 * A floppy whose program drives the first hard disk by its registers: the key r reads a sector, w writes it, and the
 * screen shows the key with the status and error registers afterwards, such as `r5000`.
 */
export const diskGuest = (folder: string): Promise<string> =>
  bootSector(
    folder,
    'disk-guest.img',
    `
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    mov si, ready
  greet:
    lodsb
    or al, al
    jz next
    call say
    jmp greet
  next:
    xor ah, ah
    int 0x16
    mov bh, al
    mov bl, 0x20
    cmp al, 'w'
    jne command
    mov bl, 0x30
  command:
    mov dx, 0x1f6
    mov al, 0xe0
    out dx, al
    mov dx, 0x1f2
    mov al, 1
    out dx, al
    inc dx
    dec al
    out dx, al
    inc dx
    mov al, 0x18
    out dx, al
    inc dx
    xor al, al
    out dx, al
    mov dx, 0x1f7
    mov al, bl
    out dx, al
    call settle
    test al, 8
    jz done
    mov cx, 256
    mov dx, 0x1f0
    cmp bl, 0x30
    je write
  read:
    in ax, dx
    loop read
    jmp moved
  write:
    mov ax, cx
    out dx, ax
    loop write
  moved:
    call settle
  done:
    mov ah, al
    mov al, bh
    call say
    mov al, ah
    call hex
    mov dx, 0x1f1
    in al, dx
    call hex
    mov al, ' '
    call say
    jmp next
  settle:
    mov dx, 0x1f7
    in al, dx
    test al, 0x80
    jnz settle
    ret
  hex:
    push ax
    shr al, 4
    call digit
    pop ax
    and al, 15
  digit:
    add al, '0'
    cmp al, '9'
    jbe say
    add al, 7
  say:
    push ax
    push bx
    mov ah, 0x0e
    mov bx, 7
    int 0x10
    pop bx
    pop ax
    ret
  ready:
    db 'ready ', 0
  `,
  )
