; Vitrine's demo guest: a floppy disk that starts without an operating system, finds and exercises every device
; of a PC, and shows what it found as text and as a picture. The same results go to COM1 as lines:
;   ok NAME DETAIL / fail NAME DETAIL / none NAME DETAIL (not there), and at last
;   diagnostic: N ok, N failed
; It wants a 386 and 640 KB. All of it runs in segment 0, so that an offset is a physical address:
;   00600h  stack, growing down from 07C00h
;   07C00h  boot sector, then the program, at most to BSS
;   0E000h  variables (variables.inc)
;   20000h  page tables and buffers of the tests
        bits 16
        org 7c00h

%include "constants.inc"
%include "boot.inc"

program:
%include "main.inc"
%include "text.inc"
%include "report.inc"
%include "screen.inc"
%include "pages.inc"
%include "delay.inc"
%include "cpu.inc"
%include "protected.inc"
%include "memory.inc"
%include "chipset.inc"
%include "input.inc"
%include "ports.inc"
%include "floppy.inc"
%include "ide.inc"
%include "pci.inc"
%include "video.inc"
%include "power.inc"
%include "graphics.inc"
%include "scene.inc"
program_end:
        times BSS-START-($-$$) db 0     ; too long when this count is negative
        times RESERVED_SECTORS*512-($-$$) db 0

%include "filesystem.inc"
%include "variables.inc"
