// Generated from docs/openapi/registry.json by `npm run generate`. Do not edit.

export interface paths {
    "/internal/v1/gateways/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * A gateway leaves
         * @description It forwards no more, and no drain waits for it. Takes the gateways' internal token.
         */
        delete: operations["forget_gateway"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/v1/gateways/{id}/report": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A gateway reports
         * @description Takes the gateways' internal token.
         */
        post: operations["report_gateway"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/prometheus/targets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The targets for Prometheus
         * @description Every instance of every business service, whatever its status: an instance that is down is what
         *     monitoring is for. The platform's own processes are scraped by their addresses and left out.
         *     Takes the permission `registry:read`, or `METRICS_TOKEN`.
         */
        get: operations["list_targets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/gateways": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The gateways
         * @description Those that report, and those that stopped without leaving less than ten minutes ago. Sorted by
         *     `id`. Takes the permission `registry:read`.
         */
        get: operations["list_gateways"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/routes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The routes
         * @description Sorted by `path`, or by `created_at`. Takes the permission `registry:read`.
         */
        get: operations["list_routes"];
        put?: never;
        /**
         * Create a route
         * @description Takes the permission `route:manage`. An enabled route that answers to the same requests as
         *     another is refused with 409; `?dry_run=true` tells beforehand.
         */
        post: operations["create_route"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/routes/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One route
         * @description Takes the permission `registry:read`.
         */
        get: operations["get_route"];
        put?: never;
        post?: never;
        /**
         * Delete a route
         * @description Takes the permission `route:manage`. With `If-Match`, only in the version that was read.
         */
        delete: operations["delete_route"];
        options?: never;
        head?: never;
        /**
         * Change a route
         * @description What is absent stays. Takes the permission `route:manage`. With `If-Match`, only in the version
         *     that was read.
         */
        patch: operations["change_route"];
        trace?: never;
    };
    "/v1/services": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The services
         * @description Sorted by `name`. Takes the permission `registry:read`.
         */
        get: operations["list_services"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/services/{service}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One service
         * @description Takes the permission `registry:read`, or the registration token of the service.
         */
        get: operations["get_service"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Take a service out, or put it back
         * @description Takes the permission `registry:manage`. With `If-Match`, only in the version that was read. The
         *     platform's own services cannot be taken out: nobody could sign in to put them back.
         */
        patch: operations["change_service"];
        trace?: never;
    };
    "/v1/services/{service}/instances": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A service's instances
         * @description Sorted by `id`. Takes the permission `registry:read`, or the registration token of the service.
         */
        get: operations["list_instances"];
        put?: never;
        /**
         * Register an instance
         * @description Registering an identifier again replaces what was known of it, ends its drain and begins its
         *     lease anew: for a process that begins, and for one that a heartbeat told 404. One that runs
         *     renews by heartbeats, and these leave a drain as it is. Takes a registration token for the
         *     service; in development, callers on the loopback address need none.
         */
        post: operations["register_instance"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/services/{service}/instances/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove an instance
         * @description Takes what registering takes, or the permission `registry:manage`.
         */
        delete: operations["deregister_instance"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/services/{service}/instances/{id}/drain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Drain an instance
         * @description It gets no new requests. The answer comes when every live gateway has acknowledged and counts no
         *     request in flight, or when the wait is over. `DELETE` takes it back into service, and so does
         *     registering it again. Takes what registering takes, or the permission `registry:manage`.
         */
        post: operations["drain_instance"];
        /**
         * Take an instance back into service
         * @description Ends its drain and renews its lease: it gets requests again, at once if it has no check or its
         *     check passes. Checks go on during a drain. Of an instance that is not draining, nothing changes.
         *     Takes what registering takes, or the permission `registry:manage`.
         */
        delete: operations["undrain_instance"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/services/{service}/instances/{id}/heartbeat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Send a heartbeat
         * @description 404 means: register again. Takes what registering takes. Any body is ignored.
         */
        put: operations["renew_instance"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stream": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Follow every change
         * @description Server-sent events: `snapshot` with everything, then `service`, `service_removed`, `route` and
         *     `route_removed` with the thing as it is now, and `beat` every 250 ms in between. A reader that
         *     comes back with `Last-Event-ID` gets what it missed, or a snapshot if that was too long ago.
         *     Takes the permission `registry:read`.
         */
        get: operations["follow_changes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description Who may use a route.
         * @enum {string}
         */
        Access: "public" | "authenticated";
        /**
         * @description How to check.
         * @enum {string}
         */
        CheckKind: "http" | "tcp";
        /** @description A route that answers to the same requests. */
        Conflict: {
            /** @description What both answer to. */
            detail: string;
            /** @description What people call it. */
            name?: string | null;
            /** @description The other route. */
            route_id: string;
        };
        /** @description How far the gateways are. */
        DrainReport: {
            /**
             * @description True: every live gateway sends nothing more and has nothing in flight, and no gateway is
             *     unknown. The instance may stop. False with nobody to wait for: it was taken back into
             *     service meanwhile.
             */
            drained: boolean;
            /**
             * @description Gateways that were lost less than ten minutes ago: whether they still forward cannot be
             *     said.
             */
            unknown: string[];
            /** @description Gateways that have not acknowledged yet or still have requests in flight. */
            waiting_for: string[];
        };
        /** @description What a route would be. */
        DryRunReport: {
            /** @description Enabled routes that answer to the same requests. */
            conflicts: components["schemas"]["Conflict"][];
            /** @description Whether storing it would succeed. */
            is_accepted: boolean;
            /** @description The route as it would be stored. */
            route: components["schemas"]["Route"];
        };
        /** @description What is wrong with one field of the input. */
        FieldError: {
            /**
             * @description What is wrong there.
             * @example not a valid e-mail address
             */
            detail: string;
            /**
             * @description Where: a JSON Pointer (RFC 6901) into the body; into the parameters by name for a query.
             * @example /email
             */
            pointer: string;
        };
        /** @description A gateway, as its last report shows it. */
        Gateway: {
            /**
             * @description Base URL at which the platform's own network reaches it; null for one that
             *     does not tell, or tells one outside `UPSTREAM_NETWORKS`.
             * @example http://10.0.0.5:8000
             */
            address?: string | null;
            /**
             * Format: uuid
             * @description One for the life of its process.
             */
            id: string;
            /**
             * Format: int64
             * @description Requests that were under way.
             */
            in_flight: number;
            /** @description Whether its lease runs. One whose lease ended may be gone, or cut off and still forwarding. */
            is_live: boolean;
            /**
             * Format: date-time
             * @description When it reported.
             */
            reported_at: string;
            /**
             * @description The newest event it has applied; null while it runs on its last good copy.
             * @example 1-42
             */
            seen?: string | null;
        };
        /** @description What the gateway should know of the service. */
        GatewayDeclaration: {
            /**
             * @description Paths, as the service sees them, that need no token: exact, or a beginning with `/*`. 64 at
             *     most. Takes a token that may declare them.
             * @example [
             *       "/docs",
             *       "/docs/*"
             *     ]
             */
            public_paths?: string[];
        };
        /** @description What a gateway tells each second. Fields of a newer gateway are passed over. */
        GatewayReport: {
            /**
             * @description Base URL at which the platform's own network reaches it. One that does not lie in
             *     `UPSTREAM_NETWORKS` is not kept.
             * @example http://10.0.0.5:8000
             */
            address?: string | null;
            /** @description Requests asked for in the last second, by whose limit they count against. */
            demand?: {
                [key: string]: number;
            };
            /** @description Requests in flight, by `service/instance`, 10 000 at most; zeros may be left out. */
            in_flight?: {
                [key: string]: number;
            };
            /**
             * @description The newest event it has applied; null while it runs on its last good copy.
             * @example 1-42
             */
            seen?: string | null;
        };
        /** @description How limits are shared with the other gateways for the next second. */
        GatewayShares: {
            /** @description How many gateways there are, this one included. */
            gateways: number;
            /** @description Which part of a limit is this gateway's, above 0 and below 1. What is not named is whole. */
            shares: {
                [key: string]: number;
            };
        };
        /** @description A health check of one instance, made by the registry at the instance's own address and port. */
        HealthCheck: {
            /**
             * Format: int32
             * @description After how many successes in a row it is up again, 1 to 10.
             * @default 1
             */
            healthy_after?: number;
            /**
             * Format: int32
             * @description Seconds between two checks, 1 to 300.
             * @default 10
             */
            interval_seconds?: number;
            /**
             * @description The path of an `http` check; `/health` if absent. Redirects are not followed.
             * @example /health
             */
            path?: string | null;
            /**
             * Format: int32
             * @description Seconds the instance has to answer, 1 to 30.
             * @default 2
             */
            timeout_seconds?: number;
            /** @description `http`: a GET whose answer has a status of 200 to 299. `tcp`: a connection that is accepted. */
            type: components["schemas"]["CheckKind"];
            /**
             * Format: int32
             * @description After how many failures in a row it is down, 1 to 10.
             * @default 3
             */
            unhealthy_after?: number;
        };
        /** @description One running copy of a service. */
        Instance: {
            /** @description A host name or an IP address. */
            address: string;
            check?: components["schemas"]["HealthCheck"] | null;
            /** @description What the last check said; null before the first. */
            check_passing?: boolean | null;
            /** @description Unique within its service. */
            id: string;
            /**
             * Format: int32
             * @description Seconds from one heartbeat to the end of its lease.
             */
            lease_seconds: number;
            /** @description Free pairs. */
            metadata: {
                [key: string]: string;
            };
            /**
             * Format: int32
             * @description Its port.
             */
            port: number;
            /**
             * Format: date-time
             * @description When it registered first under this identifier.
             */
            registered_at: string;
            /**
             * @description How the gateway speaks to it.
             * @example http
             */
            scheme: string;
            /** @description Its service. */
            service: string;
            /** @description How it is doing. */
            status: components["schemas"]["Status"];
            /** @description Free labels. */
            tags: string[];
            /**
             * Format: date-time
             * @description When anything but its lease changed last.
             */
            updated_at: string;
            /** @description The version it says it is. */
            version?: string | null;
            /**
             * Format: int32
             * @description Its share of requests beside its peers, 0 to 1000.
             */
            weight: number;
            /** @description Where it runs. */
            zone?: string | null;
        };
        /** @description Instances by how they are doing. */
        InstanceCounts: {
            /**
             * Format: int32
             * @description Their check fails or has not passed yet.
             */
            down: number;
            /**
             * Format: int32
             * @description They are leaving.
             */
            draining: number;
            /**
             * Format: int32
             * @description They get requests.
             */
            up: number;
        };
        /** @description One page of a list. */
        Page_Gateway: {
            /** @description The items, in the order asked for. */
            items: {
                /**
                 * @description Base URL at which the platform's own network reaches it; null for one that
                 *     does not tell, or tells one outside `UPSTREAM_NETWORKS`.
                 * @example http://10.0.0.5:8000
                 */
                address?: string | null;
                /**
                 * Format: uuid
                 * @description One for the life of its process.
                 */
                id: string;
                /**
                 * Format: int64
                 * @description Requests that were under way.
                 */
                in_flight: number;
                /** @description Whether its lease runs. One whose lease ended may be gone, or cut off and still forwarding. */
                is_live: boolean;
                /**
                 * Format: date-time
                 * @description When it reported.
                 */
                reported_at: string;
                /**
                 * @description The newest event it has applied; null while it runs on its last good copy.
                 * @example 1-42
                 */
                seen?: string | null;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_Instance: {
            /** @description The items, in the order asked for. */
            items: {
                /** @description A host name or an IP address. */
                address: string;
                check?: components["schemas"]["HealthCheck"] | null;
                /** @description What the last check said; null before the first. */
                check_passing?: boolean | null;
                /** @description Unique within its service. */
                id: string;
                /**
                 * Format: int32
                 * @description Seconds from one heartbeat to the end of its lease.
                 */
                lease_seconds: number;
                /** @description Free pairs. */
                metadata: {
                    [key: string]: string;
                };
                /**
                 * Format: int32
                 * @description Its port.
                 */
                port: number;
                /**
                 * Format: date-time
                 * @description When it registered first under this identifier.
                 */
                registered_at: string;
                /**
                 * @description How the gateway speaks to it.
                 * @example http
                 */
                scheme: string;
                /** @description Its service. */
                service: string;
                /** @description How it is doing. */
                status: components["schemas"]["Status"];
                /** @description Free labels. */
                tags: string[];
                /**
                 * Format: date-time
                 * @description When anything but its lease changed last.
                 */
                updated_at: string;
                /** @description The version it says it is. */
                version?: string | null;
                /**
                 * Format: int32
                 * @description Its share of requests beside its peers, 0 to 1000.
                 */
                weight: number;
                /** @description Where it runs. */
                zone?: string | null;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_Route: {
            /** @description The items, in the order asked for. */
            items: {
                /** @description Who may use it. */
                access: components["schemas"]["Access"];
                /**
                 * Format: date-time
                 * @description When it was made.
                 */
                created_at: string;
                /** @description Whether the client's token is passed on. */
                forward_token: boolean;
                /** @description Host names it answers to; empty: any. */
                hosts: string[];
                /** @description Its identifier. */
                id: string;
                /** @description False: as if it were not there. */
                is_enabled: boolean;
                /** @description Methods it answers to; empty: any. */
                methods: string[];
                /** @description What people call it. */
                name?: string | null;
                /** @description The path's beginning, on segment borders. */
                path: string;
                /** @description A permission that the token must grant. */
                required_permission?: string | null;
                /** @description Where it leads. */
                service: string;
                /** @description Whether it closes while revocations may be missed. */
                strict: boolean;
                /** @description Whether the path's beginning is taken away before forwarding. */
                strip_path: boolean;
                /**
                 * Format: date-time
                 * @description When it was changed last.
                 */
                updated_at: string;
                /**
                 * Format: int64
                 * @description Counts up with every change; the `ETag`.
                 */
                version: number;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description One page of a list. */
        Page_Service: {
            /** @description The items, in the order asked for. */
            items: {
                /**
                 * Format: date-time
                 * @description When its first instance registered.
                 */
                created_at: string;
                /** @description How many instances there are. */
                instances: components["schemas"]["InstanceCounts"];
                /** @description False: an operator took it out, and the gateway answers 503 for it. */
                is_active: boolean;
                /**
                 * @description Its name.
                 * @example orders
                 */
                name: string;
                /** @description Paths, as the service sees them, that need no token: exact, or a beginning with `/*`. */
                public_paths: string[];
                /**
                 * Format: date-time
                 * @description When it was changed last.
                 */
                updated_at: string;
                /**
                 * Format: int64
                 * @description Counts up with every change of the service itself; the `ETag`.
                 */
                version: number;
            }[];
            /** @description Where the next page begins, for `?cursor=`; null on the last page. */
            next_cursor: string | null;
        };
        /** @description The body of an error (RFC 9457). */
        Problem: {
            /**
             * @description The kind of problem as a stable word, for programs.
             * @example not_found
             */
            code: string;
            /** @description What was wrong this time, and what to do. */
            detail?: string | null;
            /** @description What is wrong with the input, field by field. */
            errors?: components["schemas"]["FieldError"][];
            /** @description The path that was asked for. */
            instance?: string | null;
            /** @description The request's identifier, as in the logs and in `X-Request-Id`. */
            request_id?: string | null;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The kind of problem in words. */
            title: string;
            /**
             * @description Identifies the kind of problem: `urn:saas:problem:` and the code.
             * @example urn:saas:problem:not_found
             */
            type: string;
        };
        /** @description The lease that was given. */
        Registered: {
            /**
             * Format: int32
             * @description How often to send a heartbeat.
             */
            heartbeat_seconds: number;
            /** @description The instance's identifier, for heartbeats. */
            id: string;
            /**
             * Format: date-time
             * @description When the lease ends unless it is renewed.
             */
            lease_expires_at: string;
        };
        /** @description An instance that wants requests. */
        RegistrationRequest: {
            /**
             * @description A host name or an IP address, within the registry's `UPSTREAM_NETWORKS`.
             * @example 10.0.0.7
             */
            address: string;
            check?: components["schemas"]["HealthCheck"] | null;
            gateway?: components["schemas"]["GatewayDeclaration"] | null;
            /**
             * @description Its identifier; the registry chooses one if absent.
             * @example orders-1
             */
            id?: string | null;
            /**
             * Format: int32
             * @description Seconds without a heartbeat after which it is forgotten, 5 to 3600; 15 if absent.
             * @default 15
             */
            lease_seconds?: number | null;
            /**
             * @description Free pairs: 32 at most. `metrics_path` tells Prometheus where to look, `metrics` = `off`
             *     that there is nothing to see.
             */
            metadata?: {
                [key: string]: string;
            };
            /**
             * Format: int32
             * @description 1 to 65535.
             * @example 9000
             */
            port: number;
            /**
             * @description How the gateway speaks to it.
             * @example http
             */
            scheme?: string | null;
            /** @description Free labels: 32 at most, of 64 characters. */
            tags?: string[];
            /** @description The version it is. */
            version?: string | null;
            /**
             * Format: int32
             * @description Its share of requests beside its peers: 0 (none) to 1000; 100 if absent.
             * @default 100
             */
            weight?: number | null;
            /** @description Where it runs. */
            zone?: string | null;
        };
        /** @description The lease goes on. */
        Renewed: {
            /**
             * Format: int32
             * @description When to send the next heartbeat.
             */
            heartbeat_seconds: number;
            /** @description How the instance is doing. */
            status: components["schemas"]["Status"];
        };
        /** @description A route that people defined. */
        Route: {
            /** @description Who may use it. */
            access: components["schemas"]["Access"];
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description Whether the client's token is passed on. */
            forward_token: boolean;
            /** @description Host names it answers to; empty: any. */
            hosts: string[];
            /** @description Its identifier. */
            id: string;
            /** @description False: as if it were not there. */
            is_enabled: boolean;
            /** @description Methods it answers to; empty: any. */
            methods: string[];
            /** @description What people call it. */
            name?: string | null;
            /** @description The path's beginning, on segment borders. */
            path: string;
            /** @description A permission that the token must grant. */
            required_permission?: string | null;
            /** @description Where it leads. */
            service: string;
            /** @description Whether it closes while revocations may be missed. */
            strict: boolean;
            /** @description Whether the path's beginning is taken away before forwarding. */
            strip_path: boolean;
            /**
             * Format: date-time
             * @description When it was changed last.
             */
            updated_at: string;
            /**
             * Format: int64
             * @description Counts up with every change; the `ETag`.
             */
            version: number;
        };
        /** @description What to change; what is absent stays. */
        RouteChange: {
            access?: components["schemas"]["Access"] | null;
            /** @description Whether the client's token is passed on. */
            forward_token?: boolean | null;
            /** @description Host names it answers to; any if empty. */
            hosts?: string[] | null;
            /** @description False takes it out, true puts it in. */
            is_enabled?: boolean | null;
            /** @description Methods it answers to; any if empty. */
            methods?: string[] | null;
            /** @description What people call it; null takes the name away. */
            name?: string | null;
            /** @description The path's beginning. */
            path?: string | null;
            /** @description A permission that the token must grant; null for none. */
            required_permission?: string | null;
            /** @description Where it leads. */
            service?: string | null;
            /** @description Whether it closes while revocations may be missed. */
            strict?: boolean | null;
            /** @description Whether the path's beginning is taken away. */
            strip_path?: boolean | null;
        };
        /** @description A new route. */
        RouteDefinition: {
            /** @description Who may use it; `authenticated` if absent. */
            access?: components["schemas"]["Access"];
            /** @description Whether the client's token is passed on. */
            forward_token?: boolean;
            /**
             * @description Host names it answers to; any if empty. 32 at most.
             * @example [
             *       "shop.example.com"
             *     ]
             */
            hosts?: string[];
            /**
             * @description False: it is stored and not used yet; true if absent.
             * @default true
             */
            is_enabled?: boolean;
            /**
             * @description Methods it answers to, upper case; any if empty.
             * @example [
             *       "GET"
             *     ]
             */
            methods?: string[];
            /**
             * @description What people call it, 100 characters at most.
             * @example The shop
             */
            name?: string | null;
            /**
             * @description The path's beginning, on segment borders: `/shop` matches `/shop` and `/shop/1`, not
             *     `/shops`.
             * @example /shop
             */
            path: string;
            /**
             * @description A permission that the token must grant.
             * @example order:read
             */
            required_permission?: string | null;
            /**
             * @description Where it leads. The service need not exist yet.
             * @example orders
             */
            service: string;
            /** @description Whether it closes while revocations may be missed. */
            strict?: boolean;
            /** @description Whether the path's beginning is taken away before forwarding. */
            strip_path?: boolean;
        };
        /** @description A service. */
        Service: {
            /**
             * Format: date-time
             * @description When its first instance registered.
             */
            created_at: string;
            /** @description How many instances there are. */
            instances: components["schemas"]["InstanceCounts"];
            /** @description False: an operator took it out, and the gateway answers 503 for it. */
            is_active: boolean;
            /**
             * @description Its name.
             * @example orders
             */
            name: string;
            /** @description Paths, as the service sees them, that need no token: exact, or a beginning with `/*`. */
            public_paths: string[];
            /**
             * Format: date-time
             * @description When it was changed last.
             */
            updated_at: string;
            /**
             * Format: int64
             * @description Counts up with every change of the service itself; the `ETag`.
             */
            version: number;
        };
        /** @description What to change. */
        ServiceChange: {
            /** @description False takes the service out: the gateway answers 503 for it. True puts it back. */
            is_active: boolean;
        };
        /**
         * @description How an instance is doing.
         * @enum {string}
         */
        Status: "up" | "down" | "draining";
        /** @description One instance to scrape. */
        TargetGroup: {
            /** @description What every sample from there carries. */
            labels: {
                [key: string]: string;
            };
            /**
             * @description `host:port`.
             * @example [
             *       "10.0.0.7:9000"
             *     ]
             */
            targets: string[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    forget_gateway: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The identifier it reported under. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Forgotten. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    report_gateway: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description One for the life of the gateway's process. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GatewayReport"];
            };
        };
        responses: {
            /** @description Taken. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatewayShares"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_targets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The whole list, every time. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TargetGroup"][];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_gateways: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of gateways. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Gateway"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_routes: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description Only those that are in, or out. */
                is_enabled?: boolean;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description Only those that lead there. */
                service?: string;
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of routes. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Route"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_route: {
        parameters: {
            query?: {
                /**
                 * @description True: nothing is stored, and the answer (status 200) says what the route would be and what
                 *     it clashes with.
                 */
                dry_run?: boolean;
            };
            header?: {
                /** @description Repeating the call with the same key gives the first answer again. */
                "Idempotency-Key"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RouteDefinition"];
            };
        };
        responses: {
            /** @description With `dry_run`: what it would be. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DryRunReport"];
                };
            };
            /** @description The route. */
            201: {
                headers: {
                    /** @description Its version, for `If-Match`. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Route"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_route: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The route's identifier. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The route. */
            200: {
                headers: {
                    /** @description Its version, for `If-Match`. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Route"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_route: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of the version that was read. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The route's identifier. */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deleted. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_route: {
        parameters: {
            query?: {
                /**
                 * @description True: nothing is stored, and the answer (status 200) says what the route would be and what
                 *     it clashes with.
                 */
                dry_run?: boolean;
            };
            header?: {
                /** @description The `ETag` of the version that was read. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The route's identifier. */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RouteChange"];
            };
        };
        responses: {
            /** @description The route as it is now; with `dry_run`, a report of what it would be. */
            200: {
                headers: {
                    /** @description Its version, for `If-Match`. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Route"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_services: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description Only those that are in, or out. */
                is_active?: boolean;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description Only those whose name contains this. */
                name?: string;
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of services. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Service"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_service: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The service's name. */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The service. */
            200: {
                headers: {
                    /** @description Its version, for `If-Match`. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_service: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `ETag` of the version that was read. */
                "If-Match"?: string | null;
            };
            path: {
                /** @description The service's name. */
                service: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ServiceChange"];
            };
        };
        responses: {
            /** @description The service as it is now. */
            200: {
                headers: {
                    /** @description Its version, for `If-Match`. */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Service"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_instances: {
        parameters: {
            query?: {
                /** @description Where to go on: the `next_cursor` of the page before. */
                cursor?: string;
                /** @description How many items, 1 to 200; 50 if not given. */
                limit?: number;
                /** @description What to sort by: a field's name, with `-` before it for descending. */
                sort?: string;
                /** @description Only those that are doing so. */
                status?: "up" | "down" | "draining";
                /** @description Only those of this version. */
                version?: string;
                /** @description Only those that run there. */
                zone?: string;
            };
            header?: never;
            path: {
                /** @description The service's name. */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of instances. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Instance"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    register_instance: {
        parameters: {
            query?: never;
            header?: {
                /** @description Repeating the call with the same key gives the same instance. */
                "Idempotency-Key"?: string | null;
            };
            path: {
                /** @description The service's name. */
                service: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RegistrationRequest"];
            };
        };
        responses: {
            /** @description Registered. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registered"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    deregister_instance: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The instance's identifier. */
                id: string;
                /** @description The service's name. */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Removed. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    drain_instance: {
        parameters: {
            query?: {
                /** @description Seconds to wait for the gateways, 0 to 600; 0 if absent: the answer says how things stand. */
                wait?: number;
            };
            header?: never;
            path: {
                /** @description The instance's identifier. */
                id: string;
                /** @description The service's name. */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How far the gateways are. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DrainReport"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    undrain_instance: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The instance's identifier. */
                id: string;
                /** @description The service's name. */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is not draining. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    renew_instance: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The instance's identifier. */
                id: string;
                /** @description The service's name. */
                service: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lease was renewed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Renewed"];
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    follow_changes: {
        parameters: {
            query?: never;
            header?: {
                /** @description The identifier of the last event that was read. */
                "Last-Event-ID"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Events, until the reader or the registry leaves. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description What was wrong and what to do (RFC 9457). */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
