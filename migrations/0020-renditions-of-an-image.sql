-- With the tenant, which row security adds to the conditions: where PostgreSQL had no statistics yet, it took the index
-- of all renditions of a tenant to help in finding those of one image.
create index renditions_of_image on renditions (image_id, tenant_id, created_at, id);
drop index renditions_by_image;
alter index renditions_of_image rename to renditions_by_image;
