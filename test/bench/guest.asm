; A boot sector and what it loads: one measured piece of work after another, each between "B name" and
; "E name" on COM1. Real mode first, then flat protected mode with paging off, at ring 0 and ring 3.
; The host measures the time between the two lines; the work (iterations) is in test/bench/pieces.mjs.

        bits 16
        org 0x7c00

CODE32  equ 0x08
DATA32  equ 0x10
USER_CODE equ 0x1b
USER_DATA equ 0x23
TASK    equ 0x28
STACK   equ 0x7c00
BUFFER  equ 0x20000
PAGES   equ 0x40000                     ; two directories, one table
IDT     equ 0x50000
USER_STACK equ 0x60000
SECTORS equ 8

start:  xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, STACK
        mov ax, 0x0200 + SECTORS        ; the sectors behind this one, to 7E00h
        mov bx, 0x7e00
        mov cx, 0x0002
        xor dh, dh
        int 0x13
        jc start
        jmp main
        times 510 - ($ - $$) db 0
        dw 0xaa55

main:   sti
        cld
        mov dx, 0x3fb                   ; eight bits, no parity
        mov al, 3
        out dx, al

        mov bp, 3000                    ; not measured: the host's compilers need a while
.warm:  mov cx, 10000
.turn:  add [0x7000], cx
        xor ax, cx
        dec cx
        jnz .turn
        dec bp
        jnz .warm
        mov si, n_alu16
        call begin
        mov bp, 400
.a:     mov cx, 10000
.b:     add ax, cx
        xor bx, ax
        shl bx, 1
        adc dx, 3
        dec cx
        jnz .b
        dec bp
        jnz .a
        call finish

        mov si, n_softint                ; INT to an IRET
        call begin
        mov word [0x60 * 4], handler
        mov word [0x60 * 4 + 2], 0
        mov bp, 40
.c:     mov cx, 10000
.d:     int 0x60
        dec cx
        jnz .d
        dec bp
        jnz .c
        call finish

        mov si, n_farcall                ; a far call and a segment load
        call begin
        mov bp, 40
.e:     mov cx, 10000
.f:     call 0:far_target
        mov es, ax
        dec cx
        jnz .f
        dec bp
        jnz .e
        call finish

        mov si, n_portin                ; reads of port 61h
        call begin
        mov bp, 20
.g:     mov cx, 10000
.h:     in al, 0x61
        dec cx
        jnz .h
        dec bp
        jnz .g
        call finish

        mov si, n_teletype                ; INT 10h, 0Eh
        call begin
        mov bp, 2000
.i:     mov ax, 0x0e2e
        mov bx, 7
        int 0x10
        dec bp
        jnz .i
        call finish

        cli
        lgdt [gdt_pointer]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword CODE32:protected

handler:
        iret
far_target:
        retf

; SI: a name that ends with 0. Prints "B name"; keeps it for "E name".
begin:  mov [name], si
        mov al, 'B'
        jmp line
finish: mov al, 'E'
line:   push dx
        call put
        mov al, ' '
        call put
        mov si, [name]
.next:  lodsb
        test al, al
        jz .end
        call put
        jmp .next
.end:   mov al, 10
        call put
        pop dx
        ret
put:    push ax
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop ax
        mov dx, 0x3f8
        out dx, al
        ret

name:   dw 0
n_alu16:        db 'alu16', 0
n_softint:      db 'softint', 0
n_farcall:      db 'farcall', 0
n_portin:       db 'portin', 0
n_teletype:     db 'teletype', 0
n_alu32:        db 'alu32', 0
n_memory:       db 'memory', 0
n_callret:      db 'callret', 0
n_repmovs:      db 'repmovs', 0
n_coldcode:     db 'coldcode', 0
n_cr3:          db 'cr3', 0
n_int80:        db 'int80', 0

        align 8
gdt:    dq 0
        dq 0x00cf9a000000ffff           ; ring 0 code and data, 4 GiB
        dq 0x00cf92000000ffff
        dq 0x00cffa000000ffff           ; ring 3 code and data
        dq 0x00cff2000000ffff
        dw 103, task                    ; 386 TSS, base below 64 KiB
        db 0, 0x89, 0, 0
gdt_end:
gdt_pointer:
        dw gdt_end - gdt - 1
        dd gdt
idt_pointer:
        dw 0x81 * 8 - 1
        dd IDT
task:   times 104 db 0

        bits 32
protected:
        mov ax, USER_DATA               ; which outlives a return to ring 3
        mov ds, ax
        mov es, ax
        mov ax, DATA32
        mov ss, ax
        mov esp, STACK
        cld

        mov esi, n_alu32
        call begin32
        mov ecx, 8000000
.a:     add eax, ecx
        xor ebx, eax
        rol ebx, 3
        adc edx, 3
        dec ecx
        jnz .a
        call finish32

        mov esi, n_memory               ; a load and a store
        call begin32
        mov ebp, 1000
.b:     mov ecx, 4000
.c:     mov eax, [BUFFER + ecx * 4]
        add [BUFFER + ecx * 4 + 0x8000], eax
        dec ecx
        jnz .c
        dec ebp
        jnz .b
        call finish32

        mov esi, n_callret
        call begin32
        mov ecx, 4000000
.d:     call .leaf
        dec ecx
        jnz .d
        call finish32
        jmp .e
.leaf:  ret

.e:     mov dword [count], 20000        ; blocks of 32 KiB
        mov esi, n_repmovs
        call begin32
.f:     mov esi, BUFFER
        mov edi, BUFFER + 0x8000
        mov ecx, 0x2000
        rep movsd
        dec dword [count]
        jnz .f
        call finish32

        mov esi, n_coldcode             ; functions of 16 instructions: written, then called twice
        call begin32
        mov ebp, 20000
        mov edi, BUFFER
.g:     mov ecx, 16
        mov ebx, edi
.h:     mov byte [edi], 0x81            ; add ecx, imm32
        mov byte [edi + 1], 0xc1
        mov [edi + 2], ebp
        add edi, 6
        dec ecx
        jnz .h
        mov byte [edi], 0xc3
        inc edi
        call ebx
        call ebx
        cmp edi, BUFFER + 0x10000
        jb .i
        mov edi, BUFFER
.i:     dec ebp
        jnz .g
        call finish32

        mov edi, PAGES                  ; paging: 4 MiB, one to one, in two directories
        mov ecx, 0x1000
        xor eax, eax
        rep stosd
        mov dword [PAGES], PAGES + 0x2000 + 7
        mov dword [PAGES + 0x1000], PAGES + 0x2000 + 7
        mov edi, PAGES + 0x2000
        mov eax, 7
        mov ecx, 1024
.j:     stosd
        add eax, 0x1000
        dec ecx
        jnz .j
        mov eax, PAGES
        mov cr3, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax

        mov esi, n_cr3                  ; another address space, then 16 pages of it
        call begin32
        mov ebp, 50000
.k:     mov eax, cr3
        xor eax, 0x1000
        mov cr3, eax
        mov ebx, 0x100000
        mov ecx, 16
.l:     mov edx, [ebx]
        add ebx, 0x1000
        dec ecx
        jnz .l
        dec ebp
        jnz .k
        call finish32

        mov edi, IDT + 0x80 * 8
        mov eax, service
        mov [edi], ax
        mov word [edi + 2], CODE32
        mov word [edi + 4], 0xee00      ; 386 interrupt gate, for ring 3
        mov word [edi + 6], 0
        lidt [idt_pointer]
        mov dword [task + 4], STACK
        mov dword [task + 8], DATA32
        mov ax, TASK
        ltr ax
        mov esi, n_int80                ; from ring 3 to ring 0 and back
        call begin32
        push dword USER_DATA
        push dword USER_STACK
        push dword 2
        push dword USER_CODE
        push dword user
        iretd

user:   xor eax, eax
        mov ecx, 300000
.a:     int 0x80
        dec ecx
        jnz .a
        mov eax, 1
        int 0x80
service:
        test eax, eax
        jnz .end
        iretd
.end:   call finish32
        mov dx, 0x3fd
.wait:  in al, dx                       ; until the last byte is on the line
        test al, 0x40
        jz .wait
        xor eax, eax
        out 0xf4, al                    ; the end of the run

; As begin and finish, for 32 bits.
begin32:
        mov [name], si
        mov al, 'B'
        call line32
        xor eax, eax
        ret
finish32:
        mov al, 'E'
line32: call put32
        mov al, ' '
        call put32
        movzx esi, word [name]
.next:  lodsb
        test al, al
        jz .end
        call put32
        jmp .next
.end:   mov al, 10
put32:  mov ah, al
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        mov al, ah
        mov dx, 0x3f8
        out dx, al
        ret

count:  dd 0
        align 512
        times 1474560 - ($ - $$) db 0
