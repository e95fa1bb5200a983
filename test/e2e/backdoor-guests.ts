/** Guests that use the back-door port of VMware, in one sector. */

const CALL = `
  backdoor: ; command in CX, parameter in EBX
    mov eax, 0x564d5868
    mov dx, 0x5658
    in eax, dx
    ret
`

/** Shows the text that it is given after "I got: ", and gives it back so. */
export const ECHOES_CLIPBOARD = `
    mov ax, 3
    int 0x10
    mov dword [0x8ffc], 0 ; how long the last text was
    mov dword [0x9000], 0x6f672049
    mov dword [0x9004], 0x203a74
  poll:
    mov cx, 6
    call backdoor
    cmp eax, 0
    jle poll
    cmp eax, [0x8ffc]
    je poll
    mov [0x8ffc], eax
    mov bp, ax
    mov di, 0x9007
  read:
    mov cx, 7
    call backdoor
    mov [di], eax
    add di, 4
    sub bp, 4
    jg read
    mov si, 0x9000
    mov bp, [0x8ffc]
    add bp, 7
  print:
    lodsb
    mov ah, 0x0e
    int 0x10
    dec bp
    jnz print
    mov ebx, [0x8ffc]
    add ebx, 7
    mov bp, bx
    mov cx, 8
    call backdoor
    mov si, 0x9000
  give:
    mov ebx, [si]
    mov cx, 9
    call backdoor
    add si, 4
    sub bp, 4
    jg give
    jmp poll
${CALL}
`

/** Asks for positions of the mouse and prints what it gets: A for a position, R for a movement. */
export const WATCHES_POINTER = `
    mov ax, 3
    int 0x10
    mov cx, 41
    mov ebx, 0x45414552 ; read the id
    call backdoor
    mov cx, 39
    mov ebx, 1
    call backdoor
    mov cx, 41
    mov ebx, 0x53424152 ; positions
    call backdoor
  poll:
    mov cx, 40
    call backdoor
    cmp ax, 4
    jb poll
    mov cx, 39
    mov ebx, 4
    call backdoor
    bt eax, 16
    mov al, 'A'
    jnc print
    mov al, 'R'
  print:
    mov ah, 0x0e
    int 0x10
    jmp poll
${CALL}
`
