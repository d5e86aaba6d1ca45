import django.db.models.deletion
import local.tenant.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenant', '0001_initial'),
        ('allauth_idp_oidc', '0003_client_allow_uri_wildcards'),
    ]

    operations = [
        migrations.CreateModel(
            name='DeviceCode',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('user_code', models.CharField(max_length=20, unique=True)),
                ('scope', models.TextField()),
                ('audience', models.CharField(blank=True, max_length=600)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('approved', 'Approved'), ('denied', 'Denied'), ('gone', 'Gone')], default='pending', max_length=8)),
                ('polled_at', models.DateTimeField(null=True)),
                ('expires_at', models.DateTimeField()),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='allauth_idp_oidc.client')),
                ('person', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='LoginSession',
            fields=[
                ('sid', models.CharField(max_length=48, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField()),
                ('authenticated_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('mfa', models.BooleanField(default=False, help_text='the last sign-in counts as two-factor')),
                ('ip', models.CharField(blank=True, max_length=64)),
                ('user_agent', models.CharField(blank=True, max_length=400)),
                ('ended_at', models.DateTimeField(null=True)),
                ('clients', models.ManyToManyField(blank=True, to='allauth_idp_oidc.client')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='AuthorizationCode',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('redirect_uri', models.CharField(max_length=2048)),
                ('scope', models.TextField()),
                ('audience', models.CharField(blank=True, max_length=600)),
                ('nonce', models.CharField(blank=True, max_length=512)),
                ('code_challenge', models.CharField(blank=True, max_length=128)),
                ('code_challenge_method', models.CharField(blank=True, max_length=8)),
                ('auth_time', models.PositiveBigIntegerField(help_text='set when max_age was asked', null=True)),
                ('amr', models.JSONField(default=list)),
                ('expires_at', models.DateTimeField()),
                ('spent_at', models.DateTimeField(null=True)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='allauth_idp_oidc.client')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenant.loginsession')),
            ],
        ),
        migrations.CreateModel(
            name='RefreshToken',
            fields=[
                ('id', models.CharField(default=local.tenant.models.refresh_token_id, max_length=32, primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('family', models.CharField(db_index=True, max_length=32)),
                ('audience', models.CharField(blank=True, max_length=600)),
                ('scope', models.TextField()),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('last_exchanged_at', models.DateTimeField(null=True)),
                ('rotated_at', models.DateTimeField(help_text='replaced by a younger family member', null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='allauth_idp_oidc.client')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ('session', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to='tenant.loginsession')),
            ],
        ),
        migrations.CreateModel(
            name='ConsentGrant',
            fields=[
                ('id', models.CharField(default=local.tenant.models.consent_grant_id, max_length=32, primary_key=True, serialize=False)),
                ('audience', models.CharField(blank=True, max_length=600)),
                ('scope', models.JSONField(default=list)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='allauth_idp_oidc.client')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('person', 'client', 'audience'), name='one_consent_per_api')],
            },
        ),
        migrations.CreateModel(
            name='ClientGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject_type', models.CharField(choices=[('client', 'client'), ('user', 'user')], default='client', max_length=8)),
                ('scope', models.JSONField(default=list)),
                ('client', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='allauth_idp_oidc.client')),
                ('audience', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='tenant.resourceserver')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('client', 'audience', 'subject_type'), name='one_grant_per_api')],
            },
        ),
    ]
