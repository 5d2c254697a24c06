import {
  ApartmentOutlined,
  AuditOutlined,
  ClusterOutlined,
  DashboardOutlined,
  LaptopOutlined,
  NodeIndexOutlined,
  SaveOutlined,
  TeamOutlined,
} from '@ant-design/icons';
import type { ComponentType } from 'react';
import type { Access } from './access';

export interface Destination {
  to: string;
  label: 'overview' | 'services' | 'routes' | 'tenants' | 'backups' | 'members' | 'audit' | 'sessions';
  icon: ComponentType;
  /** Whether the caller has any business there. */
  isFor: (access: Access) => boolean;
}

export interface DestinationGroup {
  /** The overview has none: it is everybody's. */
  label: 'platform' | 'organisation' | 'personal' | null;
  destinations: readonly Destination[];
}

/** Every page of the console that is in the navigation. */
export const NAVIGATION: readonly DestinationGroup[] = [
  {
    label: null,
    destinations: [{ to: '/', label: 'overview', icon: DashboardOutlined, isFor: () => true }],
  },
  {
    label: 'platform',
    destinations: [
      { to: '/services', label: 'services', icon: ClusterOutlined, isFor: ({ can }) => can('registry:read') },
      { to: '/routes', label: 'routes', icon: NodeIndexOutlined, isFor: ({ can }) => can('registry:read') },
      {
        to: '/tenants',
        label: 'tenants',
        icon: ApartmentOutlined,
        isFor: ({ can }) => can('platform.tenant:read'),
      },
      {
        to: '/backups',
        label: 'backups',
        icon: SaveOutlined,
        isFor: ({ can }) => can('platform.recovery:read'),
      },
    ],
  },
  {
    label: 'organisation',
    destinations: [
      {
        to: '/members',
        label: 'members',
        icon: TeamOutlined,
        isFor: ({ can, me }) => me.tenant !== null && can('member:read'),
      },
      {
        to: '/audit',
        label: 'audit',
        icon: AuditOutlined,
        isFor: ({ can }) => can('audit:read', 'platform.audit:read'),
      },
    ],
  },
  {
    label: 'personal',
    destinations: [{ to: '/sessions', label: 'sessions', icon: LaptopOutlined, isFor: () => true }],
  },
];

/** The groups that have something for the caller, with only that. */
export function navigationFor(access: Access): DestinationGroup[] {
  return NAVIGATION.map((group) => ({
    ...group,
    destinations: group.destinations.filter((destination) => destination.isFor(access)),
  })).filter((group) => group.destinations.length > 0);
}
