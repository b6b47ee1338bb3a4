/**
 * The files of `deploy/` that run a server: each is well-formed, as closed as it says, and says nothing that the program does not
 * know: flags are read by the command itself, paths are asked of a server that runs.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { catalog } from '../../src/store/catalog.ts'
import { readEnvironment } from '../../src/util/env.ts'
import { startCli, type Running } from '../e2e/cli.ts'
import { read, root, serveFlagsOf, stagesOf, unitOf, type Instruction } from './files.ts'
import { composeSchema, manifestSchema, type Manifest } from './manifests.ts'

const manifest = JSON.parse(read('package.json')) as {
  readonly version: string
  readonly bin: { readonly heterospec: string }
  readonly files: readonly string[]
}
const knownModels = catalog.flatMap(({ name, aliases }) => [name, ...aliases])

const stages = stagesOf(read('deploy/docker/Dockerfile'))
const image = stages.at(-1) ?? []
const words = (word: string, of: readonly Instruction[] = image): string[] =>
  of.filter((instruction) => instruction.word === word).map(({ text }) => text)
const only = (word: string): string => {
  expect(words(word), word).toHaveLength(1)
  return words(word)[0] ?? ''
}
/** Of `A=1 B=2`. */
function pairsOf(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]))
}

const imageFlags = serveFlagsOf(JSON.parse(only('CMD')) as string[])
const health = only('HEALTHCHECK')

const manifests = ['heterospec', 'inference-pool'].flatMap((file) =>
  parseAllDocuments(read(`deploy/kubernetes/${file}.yaml`)).map((document) => {
    expect(document.errors).toEqual([])
    return manifestSchema.parse(document.toJS())
  }),
)
function kind<Kind extends Manifest['kind']>(wanted: Kind): Extract<Manifest, { kind: Kind }> {
  return manifests.find((found): found is Extract<Manifest, { kind: Kind }> => found.kind === wanted)!
}
const { template, selector } = kind('Deployment').spec
const pod = template.spec
const [container] = pod.containers
const podFlags = serveFlagsOf(container.args)

/** Seconds that a server may take to end after SIGTERM: its answers, their last bytes, the last lines of its log. */
const secondsToEnd = (drain: number): number => drain + 2

describe('the image', () => {
  it('is built from what the build is given', () => {
    const names = stages.map(([from]) => / AS (\w+)$/.exec(from?.text ?? '')?.[1])
    for (const [, stage] of words('COPY').map((text) => /^--from=(\w+) /.exec(text) ?? []))
      expect(names).toContain(stage)
    const allowed = [...read('.dockerignore').matchAll(/^!(.*)$/gm)].map((match) => match[1]!)
    expect(allowed.filter((path) => !existsSync(new URL(path, root)))).toEqual([])
    const copied = words('COPY', stages[0]).flatMap((text) => text.split(' ').slice(0, -1))
    expect(copied.filter((path) => path !== '.' && !allowed.includes(path))).toEqual([])
    // What the package consists of is given, or made from what is given.
    const parts = manifest.files
      .map((path) => path.split('/')[0]!)
      .filter((path) => !['dist', 'prebuilt'].includes(path))
    expect(parts.filter((path) => !allowed.includes(path))).toEqual([])
    expect(allowed).toEqual(expect.arrayContaining(['src', 'scripts', 'tsconfig.json', 'tsconfig.build.json']))
    expect(stages.flat().filter(({ word }) => word === 'ADD')).toEqual([])
  })

  it('runs the server as a user without rights, with its files in the volume', () => {
    expect(only('USER')).toBe('10001:10001')
    expect(image.findIndex(({ word }) => word === 'USER')).toBeGreaterThan(
      image.findLastIndex(({ word }) => word === 'RUN'),
    )
    expect(JSON.parse(only('ENTRYPOINT'))).toEqual(['node', join('/app', manifest.bin.heterospec)])
    expect(only('VOLUME')).toBe(readEnvironment(pairsOf(only('ENV'))).cacheDir)
  })

  it('listens for others, who need a key', () => {
    expect(imageFlags).toMatchObject({ host: '0.0.0.0', apiKeyFile: '/run/secrets/heterospec-keys' })
    expect(knownModels).toContain(imageFlags.model)
    expect(only('EXPOSE')).toBe(String(imageFlags.port))
    expect(health).toContain(`http://127.0.0.1:${imageFlags.port}/health`)
  })

  it('is composed with its keys, a read-only file system, and time to end', () => {
    const { services, secrets, volumes } = composeSchema.parse(parse(read('deploy/docker/compose.yaml')))
    const { heterospec } = services
    expect(join('deploy/docker', heterospec.build.context, heterospec.build.dockerfile)).toBe(
      'deploy/docker/Dockerfile',
    )
    expect(heterospec.ports).toEqual([`127.0.0.1:8080:${only('EXPOSE')}`])
    expect(heterospec.secrets.map((name) => `/run/secrets/${name}`)).toEqual([imageFlags.apiKeyFile])
    expect(Object.keys(secrets)).toEqual(heterospec.secrets)
    expect(heterospec.volumes).toEqual(Object.keys(volumes).map((name) => `${name}:${only('VOLUME')}`))
    expect(heterospec).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
    expect(readEnvironment(heterospec.environment).threads).toBe(heterospec.cpus)
    expect(Number.parseInt(heterospec.stop_grace_period)).toBeGreaterThan(secondsToEnd(imageFlags.drainSeconds))
  })
})

describe('the unit of systemd', () => {
  const text = read('deploy/systemd/heterospec.service')
  const unit = unitOf(text)
  const args = unit.get('ExecStart')![0]!.split(' ')

  it('starts the server and gives it time to end', () => {
    const flags = serveFlagsOf(args.slice(1))
    expect(basename(args[0]!)).toBe(Object.keys(manifest.bin)[0])
    expect(knownModels).toContain(flags.model)
    // Keys are optional here, so others must not reach it.
    expect(flags.host).toBe('127.0.0.1')
    expect(Number(unit.get('TimeoutStopSec')![0])).toBeGreaterThan(secondsToEnd(flags.drainSeconds))
    // What `serve` ends with when it is stopped before it listens.
    expect(unit.get('SuccessExitStatus')).toEqual(['143'])
    expect(unit.get('Type')).toEqual(['exec'])
    const environment = pairsOf(unit.get('Environment')![0]!)
    expect(readEnvironment(environment).cacheDir).toBe(`%S/${unit.get('StateDirectory')![0]}`)
  })

  it('leaves the service no right that it does not need', () => {
    const closed = [
      'DynamicUser',
      'NoNewPrivileges',
      'ProtectHome',
      'PrivateTmp',
      'PrivateDevices',
      'RestrictNamespaces',
    ]
    for (const name of closed) expect(unit.get(name), name).toEqual(['yes'])
    expect(unit.get('ProtectSystem')).toEqual(['strict'])
    expect(unit.get('CapabilityBoundingSet')).toEqual([''])
    // JavaScript needs memory that is written and run.
    expect(unit.has('MemoryDenyWriteExecute')).toBe(false)
  })

  const verify = (unitText: string): object => {
    const file = join(mkdtempSync(join(tmpdir(), 'heterospec-unit-')), 'heterospec.service')
    writeFileSync(file, unitText)
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    return { status, stderr }
  }
  const passed = { status: 0, stderr: '' }
  // In some containers it cannot work, in others it complains of what the machine has: then it says nothing of our unit either.
  const judges = isDeepStrictEqual(verify(`[Service]\nExecStart=${process.execPath}\n`), passed)
  it.skipIf(!judges)('passes systemd-analyze', () => {
    expect(verify(text.replace(args[0]!, process.execPath))).toEqual(passed)
  })
})

describe('the Kubernetes objects', () => {
  it('belong together', () => {
    const { labels } = template.metadata
    expect(labels).toMatchObject(selector.matchLabels)
    expect(labels).toMatchObject(kind('Service').spec.selector)
    expect(labels).toMatchObject(kind('PodDisruptionBudget').spec.selector.matchLabels)
    expect(labels).toMatchObject(kind('InferencePool').spec.selector.matchLabels)
    expect(kind('HTTPRoute').spec.rules[0].backendRefs[0].name).toBe(kind('InferencePool').metadata.name)
    expect(kind('PodDisruptionBudget').spec.minAvailable).toBeLessThan(kind('Deployment').spec.replicas)
    const [port] = container.ports
    const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe]
    const named = [...probes.map(({ httpGet }) => httpGet.port), kind('Service').spec.ports[0].targetPort]
    expect(new Set(named)).toEqual(new Set([port?.name]))
    expect(kind('InferencePool').spec.targetPorts[0].number).toBe(port?.containerPort)
    expect(template.metadata.annotations['prometheus.io/port']).toBe(String(port?.containerPort))
    const volumes = pod.volumes.map(({ name }) => name)
    expect(container.volumeMounts.map(({ name }) => name)).toEqual(volumes)
  })

  it('fit the image and the command', () => {
    expect(container.image.endsWith(`heterospec:${manifest.version}`)).toBe(true)
    expect(podFlags).toMatchObject({ host: '0.0.0.0', port: container.ports[0]?.containerPort })
    expect(knownModels).toContain(podFlags.model)
    const paths = container.volumeMounts.map(({ mountPath }) => mountPath)
    expect(paths).toEqual([only('VOLUME'), '/tmp', dirname(podFlags.apiKeyFile ?? '')])
    expect(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`).toBe(only('USER'))
    const environment = Object.fromEntries(container.env.map(({ name }) => [name, '3']))
    expect(readEnvironment(environment).threads).toBe(3)
  })

  it('are as closed as the restricted standard wants, and end in time', () => {
    expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true } })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    const { seconds } = container.lifecycle.preStop.sleep
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(seconds + secondsToEnd(podFlags.drainSeconds))
    // A pod that is stopped is out of the service before its server refuses.
    const { periodSeconds } = container.readinessProbe
    expect(seconds).toBeGreaterThanOrEqual(periodSeconds)
  })
})

describe('a server with the flags of the pod', () => {
  let running: Running
  let url = ''
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heterospec-pod-'))
    const keys = join(folder, 'keys')
    writeFileSync(keys, 'secret\n')
    const places: Record<string, string> = {
      [podFlags.model ?? '']: inject('tinyModelPath'),
      '--host=0.0.0.0': '--host=127.0.0.1',
      [`--port=${podFlags.port}`]: '--port=0',
      [`--api-key-file=${podFlags.apiKeyFile}`]: `--api-key-file=${keys}`,
    }
    const args = container.args.map((argument) => places[argument] ?? argument)
    const env = { HETEROSPEC_CACHE: join(folder, 'cache'), HETEROSPEC_THREADS: '1', HETEROSPEC_API_KEYS: '' }
    running = startCli([...args, '--context=256', '--cache-ram=8'], { env })
    await running.until('stdout', /listening on (http:\S+)/)
    url = /listening on (http:\S+)/.exec(running.said.stdout)?.[1] ?? ''
  })
  afterAll(async () => {
    running.child.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)
  })

  it('answers probes and scrapes without a key, and nobody else', async () => {
    const { startupProbe, readinessProbe, livenessProbe } = container
    for (const { httpGet } of [startupProbe, readinessProbe, livenessProbe]) {
      expect((await fetch(url + httpGet.path)).status, httpGet.path).toBe(200)
    }
    const metrics = await (await fetch(`${url}${template.metadata.annotations['prometheus.io/path']}`)).text()
    // What the endpoint picker of the Gateway API inference extension reads.
    for (const name of ['num_requests_waiting', 'num_requests_running', 'kv_cache_usage_perc', 'cache_config_info']) {
      expect(read('deploy/kubernetes/inference-pool.yaml')).toContain(`vllm:${name}`)
      expect(metrics).toMatch(new RegExp(`^# TYPE vllm:${name} gauge$`, 'm'))
    }
    const prefix = kind('HTTPRoute').spec.rules[0].matches[0]!.path.value
    expect((await fetch(`${url + prefix}/models`)).status).toBe(401)
  })

  it('is healthy to the check of the image; a port without one is not', () => {
    const [program, ...args] = JSON.parse(health.slice(health.indexOf('['))) as string[]
    expect(program).toBe('node')
    const check = (at: string): number | null =>
      spawnSync(
        process.execPath,
        args.map((argument) => argument.replace(/http:\/\/[\d.:]+/, at)),
      ).status
    expect(check(url)).toBe(0)
    expect(check('http://127.0.0.1:1')).toBe(1)
  })
})

describe('the guide', () => {
  const guide = read('docs/guide/server.md')

  it('names files that exist and flags that the command knows', () => {
    const files = [...guide.matchAll(/\bdeploy\/[\w./-]+\w/g)].map(([path]) => path)
    expect(files.length).toBeGreaterThan(5)
    expect(files.filter((path) => !existsSync(new URL(path, root)))).toEqual([])
    const commands = [...guide.matchAll(/\bheterospec (serve [^\n`]+)$/gm)].map((match) => match[1]!)
    expect(commands.length).toBeGreaterThan(0)
    for (const command of commands) expect(() => serveFlagsOf(command.split(' '))).not.toThrow()
  })

  it('runs the image as the image wants to be run', () => {
    const [run = ''] = /docker run --name(\\\n|.)*/.exec(guide) ?? []
    expect(run).toContain(`:${only('EXPOSE')} `)
    expect(run).toContain(`heterospec:${only('VOLUME')} `)
    expect(run).toContain(`:${imageFlags.apiKeyFile}:ro`)
    expect(Number(/--stop-timeout (\d+)/.exec(run)?.[1])).toBeGreaterThan(secondsToEnd(imageFlags.drainSeconds))
    expect(guide).toContain(container.image)
  })
})
