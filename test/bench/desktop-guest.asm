; A desktop for measurements: 1024 by 768 in 32 bits, over which a window of 320 by 240 wanders, 60 times a second; a
; key changes the colour of the corner at the top left. Between that it halts.

        bits 16
        org 0x7c00

CODE    equ 8
DATA    equ 16
INFO    equ 0x8000
IDT     equ 0x9000
PITCH   equ 4096
WIDTH   equ 320
HEIGHT  equ 240
GROUND  equ 0x204060

start:  cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        mov cx, 0x100                   ; the first mode that is as wanted
find:   mov ax, 0x4f01
        mov di, INFO
        push cx
        int 0x10
        pop cx
        cmp word [INFO + 0x12], 1024
        jne next
        cmp word [INFO + 0x14], 768
        jne next
        cmp byte [INFO + 0x19], 32
        je found
next:   inc cx
        cmp cx, 0x200
        jb find
        hlt
found:  mov ax, 0x4f02
        mov bx, cx
        or bx, 0x4000
        int 0x10
        in al, 0x92
        or al, 2
        out 0x92, al
        mov al, 0x34                    ; 60 interrupts a second
        out 0x43, al
        mov al, 19886 & 0xff
        out 0x40, al
        mov al, 19886 >> 8
        out 0x40, al
        mov al, 0xfc
        out 0x21, al
        lgdt [gdtr]
        lidt [idtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp CODE:flat

        bits 32
flat:   mov ax, DATA
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov esp, 0x7c00
        mov dword [IDT + 8 * 8], (CODE << 16) + tick
        mov dword [IDT + 8 * 8 + 4], 0x8e00
        mov dword [IDT + 9 * 8], (CODE << 16) + key
        mov dword [IDT + 9 * 8 + 4], 0x8e00
        mov edi, [INFO + 0x28]
        mov eax, GROUND
        mov ecx, 1024 * 768
        rep stosd
        sti
again:  hlt
        cmp byte [keyed], 0
        je frame
        mov byte [keyed], 0
        xor dword [corner], 0xffffff
        mov eax, [corner]
        xor ebx, ebx
        mov ebp, 32
        mov esi, 32
        call rectangle
frame:  cmp byte [ticked], 0
        je again
        mov byte [ticked], 0
        mov eax, GROUND
        mov ebx, [at]
        mov ebp, HEIGHT
        mov esi, WIDTH
        call rectangle
        mov eax, [at]
        add eax, [step]
        mov [at], eax
        dec dword [left]
        jnz show
        neg dword [step]
        mov dword [left], 120
show:   mov ebx, [at]
        mov eax, 0xd0c090
        mov ebp, HEIGHT
        mov esi, WIDTH
        call rectangle
        jmp again

; EAX colour, EBX place in the picture in bytes, ESI pixels of a line, EBP lines
rectangle:
        mov edx, [INFO + 0x28]
        add edx, ebx
line:   mov edi, edx
        mov ecx, esi
        rep stosd
        add edx, PITCH
        dec ebp
        jnz line
        ret

tick:   push eax
        mov byte [ticked], 1
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd

key:    push eax
        in al, 0x60
        not al
        shr al, 7                       ; 1 for a key that goes down
        or [keyed], al
        mov al, 0x20
        out 0x20, al
        pop eax
        iretd

at:     dd 64 * PITCH + 64 * 4
step:   dd 2 * PITCH + 3 * 4
left:   dd 120
corner: dd 0
keyed:  db 0
ticked: db 0
gdtr:   dw 23
        dd gdt
idtr:   dw 10 * 8 - 1
        dd IDT
gdt:    dq 0
        dq 0x00cf9a000000ffff
        dq 0x00cf92000000ffff
        times 510 - ($ - $$) db 0
        dw 0xaa55
