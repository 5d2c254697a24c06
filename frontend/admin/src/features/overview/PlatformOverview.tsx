import { queryOptions, useQuery } from '@tanstack/react-query';
import { Segmented, Skeleton } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link, useSearchParams } from 'react-router';
import { bodyOf, core } from '@/api/client';
import { Live } from '@/components/Live';
import { PageHead } from '@/components/PageHead';
import { ProblemNotice } from '@/components/ProblemNotice';
import { State } from '@/components/State';
import {
  addressOf,
  healthOf,
  type Service,
  servicesQuery,
  TONE_OF_HEALTH,
  totalOf,
} from '@/features/services/services';
import { useFormat } from '@/i18n/useFormat';
import { TrafficCharts } from './TrafficCharts';
import { type TrafficView, viewOf } from './traffic';

/** The windows to choose from, in minutes. */
const WINDOWS = [15, 60, 360, 1440] as const;
/** Gateways report this often, in milliseconds; asking more often shows nothing new. */
const TRAFFIC_INTERVAL_MS = 10_000;

/** What the gateways saw in the last minutes. */
function trafficQuery(minutes: number) {
  return queryOptions({
    queryKey: ['traffic', minutes],
    queryFn: async ({ signal }) => {
      const answer = bodyOf(await core.GET('/v1/traffic', { params: { query: { minutes } }, signal }));
      return viewOf(answer, minutes, Date.now());
    },
    refetchInterval: TRAFFIC_INTERVAL_MS,
  });
}

export function PlatformOverview() {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const minutes = WINDOWS.find((each) => String(each) === params.get('minutes')) ?? 15;

  const services = useQuery(servicesQuery());
  const traffic = useQuery(trafficQuery(minutes));
  // The tiles tell the last minute, whatever the charts show.
  const recent = useQuery(trafficQuery(2));

  return (
    <>
      <PageHead
        title={t('overview.title')}
        lead={t('overview.lead')}
        actions={
          <>
            <Live isLost={services.failureCount > 0} updatedAt={services.dataUpdatedAt} />
            <Segmented<number>
              aria-label={t('overview.window')}
              value={minutes}
              onChange={(chosen) => setParams({ minutes: String(chosen) }, { replace: true })}
              options={WINDOWS.map((each) => ({
                value: each,
                label:
                  each < 120
                    ? t('overview.minutes', { count: each })
                    : t('overview.hours', { count: each / 60 }),
              }))}
            />
          </>
        }
      />
      {services.data === undefined && services.isError && (
        <div style={{ marginBottom: 20 }}>
          <ProblemNotice error={services.error} onRetry={services.refetch} />
        </div>
      )}
      <Tiles services={services.data} recent={recent.data} />
      <div className="overview-grid">
        {traffic.data === undefined && traffic.isError ? (
          <div className="wide">
            <ProblemNotice error={traffic.error} onRetry={traffic.refetch} />
          </div>
        ) : (
          <TrafficCharts view={traffic.data} />
        )}
        <Attention services={services.data} />
      </div>
    </>
  );
}

function Tiles({ services, recent }: { services: Service[] | undefined; recent: TrafficView | undefined }) {
  const { t } = useTranslation();
  const format = useFormat();
  const instances = services?.reduce(
    (all, service) => ({ up: all.up + service.instances.up, total: all.total + totalOf(service) }),
    { up: 0, total: 0 },
  );
  const out = services?.filter((service) => !service.is_active).length ?? 0;
  const waiting = <Skeleton.Node active style={{ width: 72, height: 28 }} />;
  const errorShare = recent?.lastMinute.errorShare ?? 0;
  return (
    <dl className="card tiles">
      <div className="tile">
        <dt>{t('overview.services')}</dt>
        <dd className="tile-figure">{services ? format.count(services.length) : waiting}</dd>
        <dd className="quiet small">{out > 0 ? t('overview.servicesDetail', { out }) : '\u00a0'}</dd>
      </div>
      <div className="tile">
        <dt>{t('overview.instances')}</dt>
        <dd className="tile-figure">{instances ? format.count(instances.up) : waiting}</dd>
        <dd className="quiet small">
          {instances ? t('overview.instancesDetail', { total: format.count(instances.total) }) : '\u00a0'}
        </dd>
      </div>
      <div className="tile">
        <dt>{t('overview.requestRate')}</dt>
        <dd className="tile-figure">
          {recent ? (
            <>
              {format.rate(recent.lastMinute.requestsPerSecond)}
              <small>{t('overview.perSecond')}</small>
            </>
          ) : (
            waiting
          )}
        </dd>
        <dd className="quiet small">{t('overview.lastMinute')}</dd>
      </div>
      <div className="tile">
        <dt>{t('overview.errorRate')}</dt>
        <dd className={errorShare > 0.01 ? 'tile-figure tile-bad' : 'tile-figure'}>
          {recent ? format.percent(errorShare) : waiting}
        </dd>
        <dd className="quiet small">{t('overview.errorsDetail')}</dd>
      </div>
    </dl>
  );
}

function Attention({ services }: { services: Service[] | undefined }) {
  const { t } = useTranslation();
  const troubled = services?.filter((service) => healthOf(service) !== 'up') ?? [];
  const reason = (service: Service) => {
    const health = healthOf(service);
    const total = totalOf(service);
    if (health === 'out') return t('overview.takenOut');
    if (health === 'partly') return t('overview.someDown', { count: service.instances.down, total });
    return t('overview.noInstanceUp');
  };
  return (
    <section className="card" aria-labelledby="attention">
      <div className="card-head">
        <h2 id="attention">{t('overview.attention')}</h2>
      </div>
      <div className="card-body">
        {services === undefined ? (
          <Skeleton active title={false} />
        ) : troubled.length === 0 ? (
          <State tone="good">{services.length > 0 ? t('overview.allWell') : t('services.empty')}</State>
        ) : (
          <ul className="plain-list">
            {troubled.map((service) => (
              <li key={service.name}>
                <Link to={addressOf(service.name)}>{service.name}</Link>
                <State tone={TONE_OF_HEALTH[healthOf(service)]}>{reason(service)}</State>
              </li>
            ))}
          </ul>
        )}
      </div>
    </section>
  );
}
