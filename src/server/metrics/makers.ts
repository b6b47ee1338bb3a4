/** Kinds of metrics in one register, by name. The only importer of prom-client. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

/** All metrics of one server, as Prometheus reads them. */
export type { Registry }

/** Makes metrics whose names begin alike. */
export interface Makers {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter
  /** `value` is asked whenever somebody reads. */
  gauge(name: string, help: string, value: () => number): void
  /** What never changes, told by labels: the value is 1. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
}

/** An empty register; every metric in it has `labels`. */
export function newRegistry(labels: Readonly<Record<string, string>>): Registry {
  const registry = new Registry()
  registry.setDefaultLabels(labels)
  return registry
}

/** Metrics of `registry` whose names begin with `prefix`. */
export function makers(registry: Registry, prefix: string): Makers {
  const registers = [registry]
  return {
    counter: (name, help, labelNames = []) =>
      new Counter({ name: prefix + name, help, labelNames: [...labelNames], registers }),
    gauge: (name, help, value) => {
      const gauge: Gauge = new Gauge({ name: prefix + name, help, registers, collect: () => gauge.set(value()) })
    },
    info: (name, help, labels) => {
      new Gauge({ name: prefix + name, help, labelNames: Object.keys(labels), registers }).set({ ...labels }, 1)
    },
    histogram: (name, help, buckets) => new Histogram({ name: prefix + name, help, buckets: [...buckets], registers }),
  }
}
