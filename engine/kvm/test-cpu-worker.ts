import { parentPort, workerData } from 'node:worker_threads'
import { Kicker } from './kick.ts'
import { loadSystemCalls } from './system-calls.ts'
import { type CpuHandle, VirtualCpu } from './virtual-cpu.ts'

/** Runs one processor until its first exit. Says its thread's number, then the exit. */
const { fd, mapBytes } = workerData as CpuHandle
const calls = loadSystemCalls()
const kicker = new Kicker(calls)
const cpu = new VirtualCpu(calls, fd, mapBytes)
cpu.acceptKicks()
parentPort?.postMessage({ threadId: kicker.threadId })
const exit = cpu.enter()
kicker.close()
parentPort?.postMessage({ exit })
