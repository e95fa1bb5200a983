; The video BIOS in ROM: C0000-C7FFF. INT 10h, VBE and the fonts; see channel16.asm and ../services/int10.

        org     0
        bits    16

        db      0x55, 0xaa, 64  ; 32 KiB
        jmp     near init
        times   0x18-($-$$) db 0
        dw      pci_data
        times   0x1e-($-$$) db 0
        db      'IBM VGA compatible: Vitrine display', 0
        times   0x80-($-$$) db 0
pci_data:
        db      'PCIR'
        dw      0x1234, 0x1111, 0, 24
        db      0, 0, 0, 3      ; VGA display controller
        dw      64, 1
        db      0, 0x80, 0, 0

; Data at fixed addresses: port/rom-layout.ts has the same list.
        times   0x100-($-$$) db 0
; INT 10h/1Bh: what this adapter can do.
static_functions:
        db      0xff, 0xe0, 0x0f, 0, 0, 0, 0    ; modes 0-7, D-F, 10-13
        db      7               ; 200, 350 and 400 lines
        db      2, 8            ; fonts at a time and in all
        db      0xff, 0x0e      ; grey summing, palettes, cursor, DAC paging
        dw      0
        db      0x3c, 0         ; save areas
        times   0x120-($-$$) db 0
; The table that 40:A8 points to. Programs look for the parameter table and the palette area in it.
save_pointers:
        dw      video_parameters, 0xc000
        dd      0, 0, 0
        dw      secondary_pointers, 0xc000
        dd      0, 0
secondary_pointers:
        dw      26
        dw      display_combinations, 0xc000
        dd      0, 0, 0, 0, 0
display_combinations:
        db      16, 1, 8, 0
        dw      0x0000, 0x0100, 0x0200, 0x0102, 0x0400, 0x0104, 0x0500, 0x0502
        dw      0x0600, 0x0601, 0x0605, 0x0800, 0x0801, 0x0700, 0x0702, 0x0706
        times   0x1a0-($-$$) db 0
oem_name:       db 'Vitrine VBE', 0
        times   0x1b0-($-$$) db 0
vendor_name:    db 'Vitrine', 0
        times   0x1c0-($-$$) db 0
product_name:   db 'Vitrine display', 0
        times   0x1d8-($-$$) db 0
revision_name:  db '1.0', 0
        times   0x200-($-$$) db 0
; VBE protected-mode interface (4F0Ah), 32-bit, position independent, ports only.
pm_table:
        dw      pm_set_window-pm_table, pm_set_start-pm_table, pm_set_palette-pm_table, pm_ports-pm_table
pm_ports:
        dw      0x1ce, 0x1cf, 0x3c8, 0x3c9, 0x3da, 0xffff, 0xffff
%ifndef I8086
        bits    32
pm_set_window:                  ; BX = 0 set window A, DX = bank
        test    bx, bx
        jnz     .fail
        mov     eax, edx
        push    edx
        push    eax
        mov     edx, 0x1ce
        mov     ax, 5
        out     dx, ax
        inc     edx
        pop     eax
        out     dx, ax
        pop     edx
        mov     ax, 0x004f
        ret
.fail:  mov     ax, 0x014f
        ret
; CX and DX: the start in dwords of video memory, low and high. Turned into X and Y by the line length.
pm_set_start:
        push    ebx
        push    ecx
        push    edx
        movzx   ecx, cx
        shl     edx, 16
        or      ecx, edx
        shl     ecx, 2          ; bytes
        mov     edx, 0x1ce
        mov     ax, 3
        out     dx, ax
        inc     edx
        in      ax, dx          ; bits per pixel
        movzx   ebx, ax
        add     ebx, 7
        shr     ebx, 3
        jnz     .depth
        inc     ebx
.depth: dec     edx
        mov     ax, 6
        out     dx, ax
        inc     edx
        in      ax, dx          ; pixels per line
        movzx   eax, ax
        push    ebx
        imul    ebx, eax        ; bytes per line
        test    ebx, ebx        ; which IMUL leaves undefined
        jnz     .line
        inc     ebx
.line:  mov     eax, ecx
        xor     edx, edx
        div     ebx
        pop     ebx
        mov     ecx, eax        ; Y
        mov     eax, edx
        xor     edx, edx
        div     ebx             ; X
        mov     ebx, eax
        mov     edx, 0x1ce
        mov     ax, 8
        out     dx, ax
        inc     edx
        mov     eax, ebx
        out     dx, ax
        dec     edx
        mov     ax, 9
        out     dx, ax
        inc     edx
        mov     eax, ecx
        out     dx, ax
        pop     edx
        pop     ecx
        pop     ebx
        mov     ax, 0x004f
        ret
; ES:EDI = entries of blue, green, red, 0; CX of them from DX on.
pm_set_palette:
        push    ecx
        push    edx
        push    edi
        mov     eax, edx
        movzx   ecx, cx
        mov     edx, 0x3c8
        out     dx, al
        inc     edx
        jecxz   .end
.next:  mov     al, [es:edi+2]
        out     dx, al
        mov     al, [es:edi+1]
        out     dx, al
        mov     al, [es:edi]
        out     dx, al
        add     edi, 4
        dec     ecx
        jnz     .next
.end:   pop     edi
        pop     edx
        pop     ecx
        mov     ax, 0x004f
        ret
        bits    16
%else
pm_set_window:
pm_set_start:
pm_set_palette:
%endif
pm_end:
        times   0x400-($-$$) db 0
video_parameters:
%include "vparams.inc"
        times   0xc00-($-$$) db 0

int10:
        cmp     ah, 0x0e
        je      teletype
int10_service:
%ifndef I8086
        push    edx
        push    eax
        push    word 0x10
%else
        push    dx
        push    ax
        mov     ax, 0x10
%endif
        jmp     enter

; INT 10h/0Eh where it is a matter of a byte and the cursor: a text mode, no bell, no new line at the foot of the
; screen, no end of a line. Programs print their output by it. ../services/int10/text.ts has all of it.
teletype:
        push    ds
        push    es
        push    si
        push    dx
        push    cx
        push    bx
        push    ax
        mov     bx, 0x40
        mov     ds, bx
        mov     si, 0xb800
        mov     ch, [0x49]      ; mode
        and     ch, 0x7f
        cmp     ch, 3
        jbe     .text
        cmp     ch, 7
        jne     .leave
        mov     si, 0xb000
.text:  mov     es, si
        mov     cx, [0x4a]      ; columns
        test    ch, ch
        jnz     .leave
        mov     bl, [0x62]      ; page
        and     bx, 7
        add     bx, bx
        mov     dx, [bx+0x50]   ; row, column
        cmp     dl, cl
        jae     .leave          ; no columns, or a cursor outside
        cmp     dh, [0x84]
        ja      .leave
        cmp     al, 14
        jb      .control
.glyph: inc     dl
        cmp     dl, cl
        jae     .leave          ; the end of the line
        mov     [bx+0x50], dx
        call    .cell
        xchg    ax, si
        dec     si              ; the cell before the cursor
        add     si, si
        and     si, 0x7fff
        pop     ax
        mov     [es:si], al
        push    ax
        jmp     .end
.control:
        cmp     al, 13
        je      .home
        cmp     al, 10
        je      .down
        cmp     al, 7
        jb      .glyph
        cmp     al, 8
        ja      .glyph
.leave: pop     ax              ; a bell, a step back, or more than one cell
        pop     bx
        pop     cx
        pop     dx
        pop     si
        pop     es
        pop     ds
        jmp     int10_service
.home:  mov     dl, 0
        jmp     .move
.down:  cmp     dh, [0x84]
        jae     .leave
        inc     dh
.move:  mov     [bx+0x50], dx
        call    .cell
.end:   pop     ax
        pop     bx
        pop     cx
        pop     dx
        pop     si
        pop     es
        pop     ds
        iret

; AX = place of the cursor DX of page BX / 2 in cells, which the CRTC is told; CL = columns. Changes BX, CX, DX, SI.
.cell:  mov     al, dh
        mul     cl
        xor     dh, dh
        add     ax, dx
        mov     cx, ax
        shr     bx, 1
        mov     ax, [0x4c]      ; bytes of a page
        mul     bx
        shr     ax, 1
        add     cx, ax
        mov     dx, 0x3d4
        cmp     word [0x63], 0x3b4
        jne     .colour
        mov     dx, 0x3b4
.colour:
        mov     al, 0x0e
        mov     ah, ch
        out     dx, ax
        inc     ax
        mov     ah, cl
        out     dx, ax
        mov     ax, cx
        ret

init:
        pushf
        push    cs
        call    svc_init
        retf
svc_init:
%ifndef I8086
        push    edx
        push    eax
        push    word 0x110
%else
        push    dx
        push    ax
        mov     ax, 0x110
%endif
        jmp     enter
op_callfar:
op_pmcopy:
op_launch16:
op_launch32:
op_switchpm:
        jmp     fetch           ; no service of the video BIOS asks for these

retries:
        dw      int10

%ifndef I8086
%include "channel16.asm"
%else
%include "channel8086.asm"
%endif

        times   0x4000-($-$$) db 0
font16:
%include "font16.inc"
        times   0x5000-($-$$) db 0
font14:
%include "font14.inc"
        times   0x6000-($-$$) db 0
font8:
%include "font8full.inc"
        times   0x8000-($-$$) db 0
