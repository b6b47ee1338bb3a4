/**
 * Schemas of the Kubernetes objects in `deploy/`: only the fields that they use, so that a misspelt one is unknown. Values follow the
 * API's own rules (names, quantities, enumerations).
 */
import * as z from 'zod'

/** DNS label. */
const name = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/)
/** Keys and values of labels and annotations. */
const key = z.string().regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/)
const labels = z.record(key, z.string().regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/))
const quantity = z.string().regex(/^\d+(\.\d+)?(m|[KMGT]i?)?$/)
const port = z.int().min(1).max(65535)
const portName = z.string().regex(/^(?=.*[a-z])[a-z0-9-]{1,15}$/)
const metadata = z.strictObject({ name, labels: labels.optional() })
const selector = z.strictObject({ matchLabels: labels })

const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string().startsWith('/'), port: portName }),
  periodSeconds: z.int().min(1),
  timeoutSeconds: z.int().min(1).optional(),
  failureThreshold: z.int().min(1),
})

const container = z.strictObject({
  name,
  image: z.string().regex(/^[\w.-]+\/[\w./-]+:[\w.-]+$/),
  args: z.array(z.string()),
  env: z.array(
    z.strictObject({
      name: z.string().regex(/^[A-Z_]+$/),
      valueFrom: z.strictObject({ resourceFieldRef: z.strictObject({ resource: z.enum(['limits.cpu']) }) }),
    }),
  ),
  ports: z.array(z.strictObject({ name: portName, containerPort: port })),
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
  lifecycle: z.strictObject({
    preStop: z.strictObject({ sleep: z.strictObject({ seconds: z.int().min(0) }) }),
  }),
  resources: z.strictObject({
    requests: z.strictObject({ cpu: quantity, memory: quantity }),
    limits: z.strictObject({ cpu: quantity, memory: quantity }),
  }),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    capabilities: z.strictObject({ drop: z.array(z.string()) }),
  }),
  volumeMounts: z.array(
    z.strictObject({ name, mountPath: z.string().startsWith('/'), readOnly: z.boolean().optional() }),
  ),
})

const volume = z.union([
  z.strictObject({ name, emptyDir: z.strictObject({ sizeLimit: quantity }) }),
  z.strictObject({
    name,
    secret: z.strictObject({ secretName: name, defaultMode: z.int().min(0).max(0o777) }),
  }),
])

/** Servers. */
export const deploymentSchema = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata,
  spec: z.strictObject({
    replicas: z.int().min(1),
    selector,
    strategy: z.strictObject({
      type: z.literal('RollingUpdate'),
      rollingUpdate: z.strictObject({ maxUnavailable: z.int().min(0), maxSurge: z.int().min(0) }),
    }),
    template: z.strictObject({
      metadata: z.strictObject({ labels, annotations: z.record(key, z.string()) }),
      spec: z.strictObject({
        automountServiceAccountToken: z.boolean(),
        terminationGracePeriodSeconds: z.int().min(1),
        securityContext: z.strictObject({
          runAsNonRoot: z.boolean(),
          runAsUser: z.int().min(1),
          runAsGroup: z.int().min(1),
          fsGroup: z.int().min(1),
          seccompProfile: z.strictObject({ type: z.enum(['RuntimeDefault']) }),
        }),
        containers: z.tuple([container]),
        volumes: z.array(volume),
      }),
    }),
  }),
})

/** Everything that `deploy/kubernetes` may hold. */
export const manifestSchema = z.discriminatedUnion('kind', [
  deploymentSchema,
  z.strictObject({
    apiVersion: z.literal('v1'),
    kind: z.literal('Service'),
    metadata,
    spec: z.strictObject({
      selector: labels,
      ports: z.tuple([z.strictObject({ name: portName, port, targetPort: portName })]),
    }),
  }),
  z.strictObject({
    apiVersion: z.literal('policy/v1'),
    kind: z.literal('PodDisruptionBudget'),
    metadata,
    spec: z.strictObject({ minAvailable: z.int().min(0), selector }),
  }),
  z.strictObject({
    apiVersion: z.literal('inference.networking.k8s.io/v1'),
    kind: z.literal('InferencePool'),
    metadata,
    spec: z.strictObject({
      selector,
      targetPorts: z.tuple([z.strictObject({ number: port })]),
      endpointPickerRef: z.strictObject({
        name,
        port: z.strictObject({ number: port }),
        failureMode: z.enum(['FailOpen', 'FailClose']),
      }),
    }),
  }),
  z.strictObject({
    apiVersion: z.literal('gateway.networking.k8s.io/v1'),
    kind: z.literal('HTTPRoute'),
    metadata,
    spec: z.strictObject({
      parentRefs: z.array(z.strictObject({ name })),
      rules: z.tuple([
        z.strictObject({
          matches: z.array(
            z.strictObject({
              path: z.strictObject({ type: z.literal('PathPrefix'), value: z.string().startsWith('/') }),
            }),
          ),
          backendRefs: z.tuple([
            z.strictObject({
              group: z.literal('inference.networking.k8s.io'),
              kind: z.literal('InferencePool'),
              name,
            }),
          ]),
          timeouts: z.strictObject({ request: z.string().regex(/^\d+s$/) }),
        }),
      ]),
    }),
  }),
])

/** One object. */
export type Manifest = z.output<typeof manifestSchema>

/** `compose.yaml`, as far as ours uses it. */
export const composeSchema = z.strictObject({
  services: z.strictObject({
    heterospec: z.strictObject({
      image: z.string(),
      build: z.strictObject({ context: z.string(), dockerfile: z.string() }),
      ports: z.array(z.string()),
      environment: z.record(z.string().regex(/^[A-Z_]+$/), z.string()),
      cpus: z.number(),
      mem_limit: z.string().regex(/^\d+[mg]$/),
      secrets: z.array(z.string()),
      volumes: z.array(z.string()),
      read_only: z.boolean(),
      tmpfs: z.array(z.string()),
      cap_drop: z.array(z.string()),
      security_opt: z.tuple([z.literal('no-new-privileges:true')]),
      stop_grace_period: z.string().regex(/^\d+s$/),
      restart: z.literal('unless-stopped'),
    }),
  }),
  volumes: z.record(z.string(), z.null()),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
})
