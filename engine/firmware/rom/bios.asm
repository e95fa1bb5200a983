; The PC BIOS in ROM: F0000-FFFFF. Entry points, interrupt stubs and what must run in the guest's own
; context; the services themselves live behind the firmware port (see channel16.asm and ../services).
; Written in a plain subset of NASM's syntax. 386 instructions, or those of the 8086 alone where I8086 is defined; no
; ENTER/LEAVE (16-bit code may run on a 32-bit stack) and no exotic encodings (guests run this code in emulators of
; their own).

        org     0
        bits    16
%ifdef I8086
%define WIDE_AX ax
%else
%define WIDE_AX eax
%endif

; Entries at addresses of our own choice; port/rom-layout.ts has the same list.
        times   0x10-($-$$) db 0
        jmp     near apm_entry16
        times   0x18-($-$$) db 0
        jmp     near pnp_entry16
%ifndef I8086
        bits    32
        times   0x20-($-$$) db 0
        jmp     near apm_entry32
        times   0x28-($-$$) db 0
        jmp     near pci_entry32
        times   0x30-($-$$) db 0
        jmp     near bios32_entry
        bits    16
%endif
        times   0x40-($-$$) db 0

; ---------------------------------------------------------------------------------------------------
; Power-on and every way back from a reset.
post:
        cli
        cld
        in      al, 0x64        ; the system flag is clear after power-on and a hard reset
        test    al, 4
        jz      .cold
        mov     al, 0x8f
        out     0x70, al
        in      al, 0x71
        mov     bl, al          ; shutdown status: who asked for the reset
        mov     al, 0x8f
        out     0x70, al
        mov     al, 0
        out     0x71, al
        mov     ax, 0x40
        mov     ds, ax
        cmp     bl, 5
        je      .jump_eoi
%ifndef I8086
        cmp     bl, 9
        je      .block_move
%endif
        cmp     bl, 0x0a
        je      .jump
        cmp     bl, 0x0b
        je      .iret
        cmp     bl, 0x0c
        je      .retf
.cold:
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7000
        mov     al, 0x0d        ; NMI on, shutdown status 0
        out     0x70, al
        in      al, 0x71
        fninit
        pushf
        push    cs
        call    svc_post        ; with an empty IVT: nothing in it may fault or enable interrupts
        call    vectors
        pushf
        push    cs
        call    svc_post2       ; with a live IVT
        sti
        int     0x19
        jmp     post

.jump_eoi:
        mov     al, 0x20
        out     0xa0, al
        out     0x20, al
.jump:  jmp     far [0x67]
.iret:  mov     ss, [0x69]
        mov     sp, [0x67]
        iret
.retf:  mov     ss, [0x69]
        mov     sp, [0x67]
        retf
%ifndef I8086
.block_move:                    ; back from a protected-mode block move
        mov     ss, [0x69]
        mov     sp, [0x67]
        in      al, 0x92
        and     al, 0xfc
        out     0x92, al
        pop     ds
        pop     es
        popa
        mov     ah, 0
        sti
        clc
        retf    2
%endif

; Fills the interrupt vector table.
vectors:
        push    ds
        push    es
        xor     ax, ax
        mov     es, ax
        mov     ax, cs
        mov     ds, ax
        xor     di, di
        mov     cx, 0x60        ; 00-5F and 68-FF; 60-67 stay zero for the user
        call    .dummies
        mov     di, 0x68*4
        mov     cx, 0x98
        call    .dummies
        mov     si, vector_list
.next:  lodsw
        cmp     ax, 0xffff
        je      .end
        mov     di, ax
        add     di, di
        add     di, di
        movsw
        jmp     .next
.end:   pop     es
        pop     ds
        ret
.dummies:
        mov     ax, dummy_iret
        stosw
        mov     ax, cs
        stosw
        loop    .dummies
        ret

vector_list:
        dw      0x02, nmi, 0x05, int05
        dw      0x08, irq0_fixed, 0x09, irq1_fixed, 0x0a, irq_master, 0x0b, irq_master
        dw      0x0c, irq_master, 0x0d, irq_master, 0x0e, irq6_fixed, 0x0f, irq_master
        dw      0x10, int10_fixed, 0x11, int11_fixed, 0x12, int12_fixed, 0x13, int13_fixed
        dw      0x14, int14_fixed, 0x15, int15_fixed, 0x16, int16_fixed, 0x17, int17_fixed
        dw      0x18, int18, 0x19, int19_fixed, 0x1a, int1a_fixed
        dw      0x1d, video_parameters, 0x1e, diskette_parameters
        dw      0x40, int40_fixed, 0x42, int10_fixed
        dw      0x70, irq8, 0x71, irq9, 0x72, irq_slave, 0x73, irq_slave
        dw      0x74, irq12, 0x75, irq13, 0x76, irq14, 0x77, irq_slave
        dw      0xffff

; ---------------------------------------------------------------------------------------------------
; Stubs of the services behind the port.
%ifndef I8086
svc_post:
        push    edx
        push    eax
        push    word 0x100
        jmp     enter
svc_key:
        push    edx
        push    eax
        push    word 0x101
        jmp     enter
svc_mouse:
        push    edx
        push    eax
        push    word 0x102
        jmp     enter
svc_post2:
        push    edx
        push    eax
        push    word 0x103
        jmp     enter
svc_apm:
        push    edx
        push    eax
        push    word 0x105
        jmp     enter
svc_pnp:
        push    edx
        push    eax
        push    word 0x106
        jmp     enter
svc_boot:
        push    edx
        push    eax
        push    word 0x119
        jmp     enter
int10:
        push    edx
        push    eax
        push    word 0x10
        jmp     enter
int13:
        push    edx
        push    eax
        push    word 0x13
        jmp     enter
int14:
        push    edx
        push    eax
        push    word 0x14
        jmp     enter
int15:
        push    edx
        push    eax
        push    word 0x15
        jmp     enter
int16:
        push    edx
        push    eax
        push    word 0x16
        jmp     enter
int17:
        push    edx
        push    eax
        push    word 0x17
        jmp     enter
int1a:
        push    edx
        push    eax
        push    word 0x1a
        jmp     enter
int40:
        push    edx
        push    eax
        push    word 0x40
        jmp     enter
%else
svc_post:
        push    dx
        push    ax
        mov     ax, 0x100
        jmp     enter
svc_key:
        push    dx
        push    ax
        mov     ax, 0x101
        jmp     enter
svc_mouse:
        push    dx
        push    ax
        mov     ax, 0x102
        jmp     enter
svc_post2:
        push    dx
        push    ax
        mov     ax, 0x103
        jmp     enter
svc_apm:
        push    dx
        push    ax
        mov     ax, 0x105
        jmp     enter
svc_pnp:
        push    dx
        push    ax
        mov     ax, 0x106
        jmp     enter
svc_boot:
        push    dx
        push    ax
        mov     ax, 0x119
        jmp     enter
int10:
        push    dx
        push    ax
        mov     ax, 0x10
        jmp     enter
int13:
        push    dx
        push    ax
        mov     ax, 0x13
        jmp     enter
int14:
        push    dx
        push    ax
        mov     ax, 0x14
        jmp     enter
int15:
        push    dx
        push    ax
        mov     ax, 0x15
        jmp     enter
int16:
        push    dx
        push    ax
        mov     ax, 0x16
        jmp     enter
int17:
        push    dx
        push    ax
        mov     ax, 0x17
        jmp     enter
int1a:
        push    dx
        push    ax
        mov     ax, 0x1a
        jmp     enter
int40:
        push    dx
        push    ax
        mov     ax, 0x40
        jmp     enter
%endif

; Where op_retry goes on; the index is port/protocol.ts's RetryEntry.
retries:
        dw      int15, int16, svc_boot

%ifndef I8086
%include "channel16.asm"

; Far-calls CS:IP with AX and BX given, as an option ROM's entry wants it.
op_callfar:
        push    dx
        push    bp
        in      eax, dx
        mov     edi, eax        ; where
        in      eax, dx
        mov     ebx, eax        ; BX, and DX in the high half
        in      ax, dx
        mov     ebp, ebx
        shr     ebp, 16
        mov     dx, bp
        push    cs
        push    word .back
        push    edi
        mov     di, 0           ; ES:DI as for an absent PnP structure: see the $PnP header instead
        retf
.back:  cli
        cld
        pop     bp
        pop     dx
        jmp     fetch

; ---------------------------------------------------------------------------------------------------
; Protected mode on behalf of the services.
        align   8
gdt:
        dq      0
        dq      0x00cf9b000000ffff      ; 08 flat code, 32-bit
        dq      0x00cf93000000ffff      ; 10 flat data
        dq      0x00009b0f0000ffff      ; 18 this ROM, 16-bit
        dq      0x000093000000ffff      ; 20 real-mode-like data
gdt_pointer:
        dw      39
        dd      0xf0000+gdt

; Copies bytes between linear addresses anywhere below 4 GiB, and tells whether it could: in
; virtual-8086 mode only the monitor can, and it takes the call before it comes here.
op_pmcopy:
        in      eax, dx
        mov     esi, eax
        in      eax, dx
        mov     edi, eax
        in      eax, dx
        mov     ecx, eax
        smsw    ax
        test    al, 1
        jnz     .cannot
        in      al, 0x92
        mov     bl, al
        or      al, 2
        and     al, 0xfe
        out     0x92, al
        push    cs
        pop     ds
        lgdt    [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     short .pm
.pm:    mov     ax, 0x10
        mov     ds, ax
        mov     es, ax
        mov     ebp, ecx
        shr     ecx, 2
        a32 rep movsd
        mov     ecx, ebp
        and     ecx, 3
        a32 rep movsb
        mov     ax, 0x20
        mov     ds, ax
        mov     es, ax
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        jmp     short .rm
.rm:    xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     al, bl
        and     al, 0xfe
        out     0x92, al
        mov     al, 0
        out     dx, al
        jmp     fetch
.cannot:
        mov     al, 1
        out     dx, al
        jmp     fetch

; Leaves for a real-mode program with segments and a stack of its own.
op_launch16:
        in      ax, dx
        mov     ss, ax
        in      eax, dx
        mov     esp, eax
        in      ax, dx
        mov     fs, ax
        in      ax, dx
        mov     gs, ax
        jmp     op_done

; Leaves for a 32-bit program in flat protected mode without paging.
op_launch32:
        push    cs
        pop     ds
        lgdt    [gdt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 0x08:0xf0000+.flat
        bits    32
.flat:  mov     ax, 0x10
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        movzx   edx, dx
        in      eax, dx
        mov     esp, eax
        in      eax, dx
        push    eax             ; entry
        in      eax, dx
        mov     ebp, eax
        in      eax, dx
        mov     edi, eax
        in      eax, dx
        mov     esi, eax
        in      eax, dx
        mov     ecx, eax
        in      eax, dx
        mov     ebx, eax
        in      eax, dx
        push    eax
        in      eax, dx
        pop     edx
        ret
        bits    16

; INT 15h/89h: goes back to the caller in protected mode, with the caller's own descriptor tables at
; segment:offset: 08 GDT, 10 IDT, 18 DS, 20 ES, 28 SS, 30 CS, 38 this ROM.
op_switchpm:
        in      eax, dx
        mov     si, ax
        shr     eax, 16
        mov     ds, ax
        in      ax, dx          ; IP of the caller
        push    word 0x30
        push    ax
        push    word 2          ; FLAGS without anything set
        in      eax, dx
        mov     ebp, eax
        in      eax, dx
        mov     ebx, eax
        in      eax, dx
        mov     ecx, eax
        in      eax, dx
        push    eax
        in      eax, dx
        push    eax
        lgdt    [si+0x08]
        lidt    [si+0x10]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     0x38:.pm
.pm:    mov     ax, 0x18
        mov     ds, ax
        mov     ax, 0x20
        mov     es, ax
        mov     ax, 0x28
        mov     ss, ax
        pop     eax
        pop     edx
        popf
        retf

; ---------------------------------------------------------------------------------------------------
; 32-bit callers: BIOS32 directory, PCI BIOS and APM. Position independent: the caller chooses the base.
        bits    32
bios32_entry:                   ; EAX = service, BL = 0; gives AL, EBX = base, ECX = length, EDX = offset
        pushf
        cmp     eax, 0x49435024 ; "$PCI"
        jne     .none
        test    bl, bl
        jnz     .unknown
        mov     ebx, 0xf0000
        mov     ecx, 0x10000
        mov     edx, pci_entry32
        mov     al, 0
        popf
        retf
.none:  mov     al, 0x80
        popf
        retf
.unknown:
        mov     al, 0x81
        popf
        retf

pci_entry32:
        pushf
        cli
        call    .service
        jc      .failed
        popf
        clc
        retf
.failed:
        popf
        stc
        retf
.service:
        push    edx
        push    eax
        push    dword 0x104
        jmp     enter32

apm_entry32:
        call    .service
        retf
.service:
        push    edx
        push    eax
        push    dword 0x107
        jmp     enter32

enter32:                        ; stack: service, EAX, EDX, EIP
        mov     edx, 0x0f00
        in      ax, dx
        mov     dx, ax
        pop     eax
        out     dx, ax
        pop     eax
        out     dx, eax
        mov     eax, ebx
        out     dx, eax
        mov     eax, ecx
        out     dx, eax
        pop     eax
        out     dx, eax
        mov     eax, esi
        out     dx, eax
        mov     eax, edi
        out     dx, eax
        mov     eax, ebp
        out     dx, eax
        mov     ax, ds
        out     dx, ax
        mov     ax, es
        out     dx, ax
        mov     eax, cs
        shl     eax, 16
        out     dx, eax
        pushf
        pop     eax
        out     dx, ax
        out     dx, ax
        mov     ax, ss
        out     dx, ax
        mov     eax, esp
        out     dx, eax
fetch32:
        in      eax, dx
        mov     ecx, eax
        shr     ecx, 16
        cmp     al, 0           ; done
        je      done32
        cmp     al, 8
        je      .in8
        cmp     al, 9
        je      .in16
        cmp     al, 10
        je      .in32
        cmp     al, 11
        je      .out8
        cmp     al, 12
        je      .out16
        cmp     al, 13
        je      .out32
        cmp     al, 15
        jne     fetch32
        sti
        hlt
        jmp     fetch32
.in8:   mov     esi, edx
        mov     edx, ecx
        in      al, dx
        mov     edx, esi
        out     dx, al
        jmp     fetch32
.in16:  mov     esi, edx
        mov     edx, ecx
        in      ax, dx
        mov     edx, esi
        out     dx, ax
        jmp     fetch32
.in32:  mov     esi, edx
        mov     edx, ecx
        in      eax, dx
        mov     edx, esi
        out     dx, eax
        jmp     fetch32
.out8:  mov     al, ah
        xchg    edx, ecx
        out     dx, al
        mov     edx, ecx
        jmp     fetch32
.out16: in      ax, dx
        xchg    edx, ecx
        out     dx, ax
        mov     edx, ecx
        jmp     fetch32
.out32: in      eax, dx
        xchg    edx, ecx
        out     dx, eax
        mov     edx, ecx
        jmp     fetch32
done32:
        in      ax, dx
        push    eax             ; FLAGS
        in      eax, dx
        in      ax, dx
        in      ax, dx
        in      eax, dx
        mov     ebp, eax
        in      eax, dx
        mov     edi, eax
        in      eax, dx
        mov     esi, eax
        in      eax, dx
        mov     ecx, eax
        in      eax, dx
        mov     ebx, eax
        in      eax, dx
        push    eax
        in      eax, dx
        pop     edx
        shr     dword [esp], 1  ; carry is all that a caller may look at
        lea     esp, [esp+4]
        ret
        bits    16
%else
%include "channel8086.asm"

; Far-calls CS:IP with AX, BX and DX given, as an option ROM's entry wants it.
op_callfar:
        push    dx
        push    bp
        in      ax, dx
        mov     si, ax          ; where
        in      ax, dx
        mov     di, ax
        in      ax, dx
        mov     bx, ax
        in      ax, dx
        mov     bp, ax          ; DX
        in      ax, dx
        mov     dx, bp
        push    cs
        mov     cx, .back
        push    cx
        push    di
        push    si
        mov     di, 0           ; ES:DI as for an absent PnP structure
        retf
.back:  cli
        cld
        pop     bp
        pop     dx
        jmp     fetch
%endif

; 16-bit protected-mode (and real-mode) callers: a far call instead of an interrupt.
apm_entry16:
        pushf
        push    cs
        call    svc_apm
        retf

; Plug-and-Play BIOS: the arguments lie on the stack behind the far return address.
pnp_entry16:
        pushf
        push    cs
        call    svc_pnp
        retf

; ---------------------------------------------------------------------------------------------------
; Interrupts of the hardware.

; IRQ 0. The frame below INT 1Ch is DS, AX, DX as it always was: a loader that hooks 1Ch counts on
; finding the interrupted code's address behind them.
irq0:
        sti
        push    ds
        push    ax
        push    dx
        mov     ax, 0x40
        mov     ds, ax
        inc     word [0x6c]
        jnz     .no_carry
        inc     word [0x6e]
.no_carry:
        cmp     word [0x6e], 0x18
        jb      .same_day
        ja      .midnight
        cmp     word [0x6c], 0xb0
        jb      .same_day
.midnight:
        mov     word [0x6c], 0
        mov     word [0x6e], 0
        inc     byte [0x70]
.same_day:
        cmp     byte [0x40], 0  ; diskette motor time-out
        je      .no_motor
        dec     byte [0x40]
        jnz     .no_motor
        and     byte [0x3f], 0xf0
        mov     al, 0x0c
        mov     dx, 0x3f2
        out     dx, al
.no_motor:
        int     0x1c
        cli
        mov     al, 0x20
        out     0x20, al
        pop     dx
        pop     ax
        pop     ds
        iret

; IRQ 1. Some programs read the byte first and then chain to here: take what the port still shows.
irq1:
        push    WIDE_AX
        in      al, 0x60
        mov     ah, 0x4f
        stc
        int     0x15            ; keyboard intercept: may change or swallow the code
        jnc     .finish
        pushf
        push    cs
        call    svc_key
        cmp     ah, 0
        jne     .action
.finish:
        call    .end_of_interrupt
        pop     WIDE_AX
        iret
.action:
        call    .end_of_interrupt
        cmp     ah, 1
        je      .posted
        cmp     ah, 2
        je      .break
        cmp     ah, 3
        je      .print_screen
        cmp     ah, 4
        je      .system_request
        cmp     ah, 5
        je      .reset
        cmp     ah, 6
        je      .pause
.out:   pop     WIDE_AX
        iret
.posted:
        mov     ax, 0x9102      ; keyboard: interrupt complete
        int     0x15
        jmp     .out
.break: int     0x1b
        jmp     .out
.print_screen:
        int     0x05
        jmp     .out
.system_request:
        mov     ah, 0x85        ; AL = 0 pressed, 1 released
        int     0x15
        jmp     .out
.reset: jmp     0xf000:post_fixed
.pause: push    ds              ; until another key clears the hold state
        mov     ax, 0x40
        mov     ds, ax
.hold:  sti
        hlt
        cli
        test    byte [0x18], 8
        jnz     .hold
        pop     ds
        jmp     .out
.end_of_interrupt:
        mov     al, 0xae        ; a program may have left the interface disabled
        out     0x64, al
        mov     al, 0x20
        out     0x20, al
        ret

irq6:                           ; diskette
        push    ds
        push    ax
        mov     ax, 0x40
        mov     ds, ax
        or      byte [0x3e], 0x80
        mov     al, 0x20
        out     0x20, al
        pop     ax
        pop     ds
        iret

irq_slave:
        push    ax
        mov     al, 0x0b
        out     0xa0, al
        in      al, 0xa0
        test    al, al
        jz      .spurious
        mov     al, 0x20
        out     0xa0, al
.spurious:
        mov     al, 0x20
        out     0x20, al
        pop     ax
        iret

; An interrupt nobody wants: acknowledge it if it is real.
irq_master:
        push    ax
        mov     al, 0x0b
        out     0x20, al
        in      al, 0x20
        test    al, al
        jz      .spurious
        mov     al, 0x20
        out     0x20, al
.spurious:
        pop     ax
        iret

irq8:                           ; real-time clock: INT 4Ah on an alarm, counts down INT 15h/83h waits
        push    ds
        push    WIDE_AX
        mov     ax, 0x40
        mov     ds, ax
        mov     al, 0x8c
        out     0x70, al
        in      al, 0x71
        mov     ah, al
        mov     al, 0x0b
        out     0x70, al
        in      al, 0x71
        and     ah, al          ; causes that are enabled
        test    ah, 0x40
        jz      .no_tick
        test    byte [0xa0], 1
        jz      .no_tick
%ifdef I8086
        sub     word [0x9c], 976
        sbb     word [0x9e], 0
        jc      .elapsed
        mov     al, [0x9c]
        or      al, [0x9d]
        or      al, [0x9e]
        or      al, [0x9f]
        jnz     .no_tick
.elapsed:
%else
        sub     dword [0x9c], 976
        ja      .no_tick
%endif
        push    bx
        push    ds
        and     byte [0xa0], 0xfe
        lds     bx, [0x98]
        or      byte [bx], 0x80
        pop     ds
        pop     bx
        push    ax
        mov     al, 0x0b
        out     0x70, al
        in      al, 0x71
        and     al, 0xbf
        push    ax
        mov     al, 0x0b
        out     0x70, al
        pop     ax
        out     0x71, al
        pop     ax
.no_tick:
        test    ah, 0x20
        jz      .no_alarm
        int     0x4a
        cli
.no_alarm:
        mov     al, 0x0d
        out     0x70, al
        in      al, 0x71
        call    eoi_both
        pop     WIDE_AX
        pop     ds
        iret

irq9:                           ; IRQ 2 of the XT bus
        push    ax
        mov     al, 0x20
        out     0xa0, al
        pop     ax
        int     0x0a
        iret

; PS/2 mouse: a whole packet goes to the program's own handler by far call.
irq12:
        sti
%ifndef I8086
        pushad
%else
        push    ax
        push    cx
        push    dx
        push    bx
        push    bp
        push    si
        push    di
%endif
        push    ds
        push    es
        cli
        in      al, 0x64
        and     al, 0x21
        cmp     al, 0x21
        jne     .end
        in      al, 0x60
        pushf
        push    cs
        call    svc_mouse       ; AH = 1: BX:CX = handler; ESI = status, x; EDI = y, z
        cmp     ah, 1
        jne     .end
        call    eoi_both
%ifndef I8086
        push    si
        shr     esi, 16
        push    si
        push    di
        shr     edi, 16
        push    di
        push    cs
        push    word .back
%else
        push    si              ; status
        push    bp              ; X
        push    di              ; Y
        mov     ax, 0
        push    ax
        push    cs
        mov     ax, .back
        push    ax
%endif
        push    bx
        push    cx
        sti
        retf
.back:  cli
        add     sp, 8
        jmp     .out
.end:   call    eoi_both
.out:   pop     es
        pop     ds
%ifndef I8086
        popad
%else
        pop     di
        pop     si
        pop     bp
        pop     bx
        pop     dx
        pop     cx
        pop     ax
%endif
        iret

irq13:                          ; floating-point error: the XT had it on the NMI
        push    ax
        mov     al, 0
        out     0xf0, al
        call    eoi_both
        pop     ax
        int     0x02
        iret

irq14:                          ; hard disk
        push    ds
        push    ax
        mov     ax, 0x40
        mov     ds, ax
        mov     byte [0x8e], 0xff
        call    eoi_both
        mov     ax, 0x9100
        int     0x15
        pop     ax
        pop     ds
        iret

eoi_both:
        mov     al, 0x20
        out     0xa0, al
        out     0x20, al
        ret

; ---------------------------------------------------------------------------------------------------
; Small services that need nothing from behind the port.
int11:  push    ds
        mov     ax, 0x40
        mov     ds, ax
        mov     ax, [0x10]
        pop     ds
        iret

int12:  push    ds
        mov     ax, 0x40
        mov     ds, ax
        mov     ax, [0x13]
        pop     ds
        iret

int18:  mov     ah, 1           ; nothing to boot from: the boot service says so
        jmp     boot
int19:  mov     ah, 0
boot:   cli
        xor     bx, bx
        mov     ss, bx
        mov     sp, 0x7c00
        mov     ds, bx
        mov     es, bx
        pushf
        push    cs
        call    svc_boot        ; comes back only when there is nothing more to try
        jmp     boot

; Print screen: status at 0050:0000, 1 while it runs and FFh after an error.
int05:
        sti
        push    ax
        push    bx
        push    cx
        push    dx
        push    ds
        push    es
        mov     ax, 0x50
        mov     ds, ax
        cmp     byte [0], 1
        je      .end
        mov     byte [0], 1
        mov     ah, 0x0f
        int     0x10
        mov     ch, ah          ; columns
        mov     ax, 0x40
        mov     es, ax
        mov     cl, [es:0x84]   ; last row
        mov     ah, 3
        push    cx
        int     0x10
        pop     cx
        push    dx              ; the cursor's place
        xor     dx, dx
        call    .newline
.row:   mov     dl, 0
.cell:  mov     ah, 2
        int     0x10
        mov     ah, 8
        int     0x10
        test    al, al
        jnz     .print
        mov     al, ' '
.print: call    .byte
        jc      .error
        inc     dl
        cmp     dl, ch
        jb      .cell
        call    .newline
        jc      .error
        inc     dh
        cmp     dh, cl
        jbe     .row
        mov     byte [0], 0
        jmp     .restore
.error: mov     byte [0], 0xff
.restore:
        pop     dx
        mov     ah, 2
        int     0x10
.end:   pop     es
        pop     ds
        pop     dx
        pop     cx
        pop     bx
        pop     ax
        iret
.newline:
        mov     al, 13
        call    .byte
        mov     al, 10
.byte:  push    dx
        xor     dx, dx
        mov     ah, 0
        int     0x17
        pop     dx
        test    ah, 0x29
        jz      .fine
        stc
        ret
.fine:  clc
        ret

; Diskette parameter tables by CMOS drive type, with the two bytes that Windows NT wants behind the usual
; eleven: last track and data rate.
        times   0x3f00-($-$$) db 0
        times   16 db 0
        db      0xdf, 0x02, 0x25, 0x02, 0x09, 0x2a, 0xff, 0x50, 0xf6, 0x0f, 0x08, 0x27, 0x80, 0, 0, 0
        db      0xdf, 0x02, 0x25, 0x02, 0x0f, 0x1b, 0xff, 0x54, 0xf6, 0x0f, 0x08, 0x4f, 0x00, 0, 0, 0
        db      0xdf, 0x02, 0x25, 0x02, 0x09, 0x2a, 0xff, 0x50, 0xf6, 0x0f, 0x08, 0x4f, 0x80, 0, 0, 0
        db      0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08, 0x4f, 0x00, 0, 0, 0
        db      0xaf, 0x02, 0x25, 0x02, 0x24, 0x1b, 0xff, 0x54, 0xf6, 0x0f, 0x08, 0x4f, 0xc0, 0, 0, 0
; POST writes its tables from 4000 on, so the code must end before: this fails to assemble otherwise.
        times   0x4000-($-$$) db 0

; ---------------------------------------------------------------------------------------------------
; Addresses that programs have known since the first PC.
        times   0xe05b-($-$$) db 0
post_fixed:
        jmp     post
        times   0xe2c3-($-$$) db 0
nmi:    iret
        times   0xe3fe-($-$$) db 0
int13_fixed:
        jmp     int13
        times   0xe6f2-($-$$) db 0
int19_fixed:
        jmp     int19
; INT 15h/C0h: AT, one model byte that agrees with FFFFE; second PIC, clock, intercept, EBDA
        times   0xe6f5-($-$$) db 0
        dw      8
        db      0xfc, 0, 1, 0x74, 0x40, 0, 0, 0
        times   0xe729-($-$$) db 0
        dw      0x0417, 0x0300, 0x0180, 0x00c0, 0x0060, 0x0030, 0x0018, 0x000c
int14_fixed:                    ; E739
        jmp     int14
        times   0xe82e-($-$$) db 0
int16_fixed:
        jmp     int16
        times   0xe987-($-$$) db 0
irq1_fixed:
        jmp     irq1
        times   0xec59-($-$$) db 0
int40_fixed:
        jmp     int40
        times   0xef57-($-$$) db 0
irq6_fixed:
        jmp     irq6
        times   0xefc7-($-$$) db 0
diskette_parameters:            ; 1.44 MB, 18 sectors of 512
        db      0xaf, 0x02, 0x25, 0x02, 0x12, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 0x08
int17_fixed:                    ; EFD2
        jmp     int17
        times   0xf045-($-$$) db 0
        times   16 dw int10
        times   0xf065-($-$$) db 0
int10_fixed:
        jmp     int10
        times   0xf0a4-($-$$) db 0
video_parameters:               ; CRTC of the old adapters: 40x25, 80x25, graphics, monochrome
        db      0x38, 0x28, 0x2d, 0x0a, 0x1f, 0x06, 0x19, 0x1c, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0
        db      0x71, 0x50, 0x5a, 0x0a, 0x1f, 0x06, 0x19, 0x1c, 0x02, 0x07, 0x06, 0x07, 0, 0, 0, 0
        db      0x38, 0x28, 0x2d, 0x0a, 0x7f, 0x06, 0x64, 0x70, 0x02, 0x01, 0x06, 0x07, 0, 0, 0, 0
        db      0x61, 0x50, 0x52, 0x0f, 0x19, 0x06, 0x19, 0x19, 0x02, 0x0d, 0x0b, 0x0c, 0, 0, 0, 0
        dw      2048, 4096, 16384, 16384
        db      40, 40, 80, 80, 40, 40, 80, 80
        db      0x2c, 0x28, 0x2d, 0x29, 0x2a, 0x2e, 0x1e, 0x29
        times   0xf841-($-$$) db 0
int12_fixed:
        jmp     int12
        times   0xf84d-($-$$) db 0
int11_fixed:
        jmp     int11
        times   0xf859-($-$$) db 0
int15_fixed:
        jmp     int15
        times   0xfa6e-($-$$) db 0
%include "font8.inc"
        times   0xfe6e-($-$$) db 0
int1a_fixed:
        jmp     int1a
        times   0xfea5-($-$$) db 0
irq0_fixed:
        jmp     irq0
        times   0xfef3-($-$$) db 0
        dw      irq0_fixed, irq1_fixed, irq_master, irq_master, irq_master, irq_master, irq6_fixed, irq_master
        dw      int10_fixed, int11_fixed, int12_fixed, int13_fixed, int14_fixed, int15_fixed, int16_fixed, int17_fixed
        dw      int18, int19_fixed, int1a_fixed, dummy_iret, dummy_iret, video_parameters, diskette_parameters, 0
        times   0xff53-($-$$) db 0
dummy_iret:
        iret
        times   0xff54-($-$$) db 0
        jmp     int05
        times   0xfff0-($-$$) db 0
        jmp     0xf000:post_fixed
        times   0xfff5-($-$$) db 0
        db      '12/01/99'
        times   0xfffe-($-$$) db 0
        db      0xfc, 0
