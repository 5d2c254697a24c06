import { useQuery } from '@tanstack/react-query';
import { Button, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Empty } from '@/components/Empty';
import { Live } from '@/components/Live';
import { PageHead } from '@/components/PageHead';
import { RecordList } from '@/components/RecordList';
import { SearchField } from '@/components/SearchField';
import { useListState } from '@/components/useListState';
import { When } from '@/components/When';
import { InstanceShare, ServiceHealth } from './Health';
import { addressOf, type Health, healthOf, servicesQuery } from './services';

const HEALTHS: readonly Health[] = ['up', 'partly', 'down', 'draining', 'idle', 'out'];

/** Every service, live. */
export default function ServicesPage() {
  const { t } = useTranslation();
  const list = useListState(['q', 'health'], ['name', '-name']);
  const services = useQuery(servicesQuery());

  const wanted = list.values.q?.toLowerCase() ?? '';
  const shown = services.data
    ?.filter((service) => service.name.includes(wanted))
    .filter((service) => !list.values.health || healthOf(service) === list.values.health)
    .sort((a, b) => (list.sort === '-name' ? -1 : 1) * a.name.localeCompare(b.name));

  return (
    <>
      <PageHead
        title={t('services.title')}
        lead={t('services.lead')}
        actions={<Live isLost={services.failureCount > 0} updatedAt={services.dataUpdatedAt} />}
      />
      <div className="filters">
        <SearchField
          label={t('list.search')}
          value={list.values.q}
          onSearch={(value) => list.filter('q', value)}
        />
        <Select
          aria-label={t('services.health')}
          placeholder={t('services.health')}
          allowClear
          style={{ minWidth: 150 }}
          value={list.values.health ?? null}
          onChange={(value) => list.filter('health', value ?? undefined)}
          options={HEALTHS.map((health) => ({ value: health, label: t(`services.${health}`) }))}
        />
      </div>
      <RecordList
        label={t('services.title')}
        records={shown}
        error={services.error}
        onRetry={services.refetch}
        rowKey={(service) => service.name}
        title={{
          key: 'name',
          title: t('services.name'),
          sort: 'name',
          render: ({ name }) => <Link to={addressOf(name)}>{name}</Link>,
        }}
        columns={[
          {
            key: 'health',
            title: t('services.health'),
            render: (service) => <ServiceHealth service={service} />,
          },
          {
            key: 'instances',
            title: t('services.instances'),
            render: (service) => <InstanceShare service={service} />,
          },
          {
            key: 'updated',
            title: t('services.updated'),
            render: (service) => <When at={service.updated_at} />,
            wideOnly: true,
          },
        ]}
        sort={list.sort}
        onSort={list.sortBy}
        empty={
          list.isFiltered ? (
            <Empty title={t('list.filtered')}>
              <Button onClick={list.clear}>{t('action.clearFilters')}</Button>
            </Empty>
          ) : (
            <Empty title={t('services.empty')} hint={t('services.emptyHint')} />
          )
        }
      />
    </>
  );
}
