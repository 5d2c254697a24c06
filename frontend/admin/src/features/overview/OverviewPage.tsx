import { useAccess } from '@/app/access';
import { PlatformOverview } from './PlatformOverview';
import { TenantOverview } from './TenantOverview';

/** What matters first differs: an operator looks after the platform, a member after the tenant. */
export default function OverviewPage() {
  const { can } = useAccess();
  return can('registry:read') ? <PlatformOverview /> : <TenantOverview />;
}
